"""Calls of the real host, in this process."""

from pathlib import Path
from typing import Any

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer


def train_args(model: Path, data_dir: Path, out: Path, **settings: Any) -> dict[str, Any]:
    """A recipe for one CPU; `settings` overrides."""
    return {
        "model_name_or_path": str(model),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "template": "tag_qwen2_5_vl",
        "dataset_dir": str(data_dir),
        "dataset": "tag_synth_train",
        "output_dir": str(out),
        "overwrite_output_dir": True,
        "cache_dir": str(data_dir / ".cache"),
        "use_cpu": True,
        "report_to": "none",
        "max_steps": 2,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "save_strategy": "no",
        "disable_tqdm": True,
        **settings,
    }


def by_image(found: list[dict[str, Any]]) -> dict[str, tuple[list[int], list[int]]]:
    """Picture's file name with its folder -> (token ids, labels)."""
    return {
        "/".join(Path(sample["images"][0]).parts[-2:]): (sample["input_ids"], sample["labels"])
        for sample in found
    }


def samples(recipe: dict[str, Any]) -> list[dict[str, Any]]:
    """The tokenized training samples, up to where the host would load the model."""
    model_args, data_args, training_args, _, _ = get_train_args(dict(recipe))
    tokenizer_module = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(tokenizer_module["tokenizer"], data_args)
    module = get_dataset(
        template, model_args, data_args, training_args, stage="sft", **tokenizer_module
    )
    return list(module["train_dataset"])
