"""The stages of gpu_proof.py; each runs in a process of its own, after the plugin is armed."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import torch
import yaml
from gpu_proof import ONE_RANK
from llamafactory.train.tuner import run_exp
from random_models import save_random_model
from timing.meter import Meter, generation_seconds
from transformers import AutoModelForImageTextToText, AutoProcessor

from tag_plugin.data.face_frame import read_face
from tag_plugin.data.rows import Row, read_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.paths import recipes_dir
from tag_plugin.hosts.versions import TESTED, version
from tag_plugin.scoring.score import score_completion
from tag_plugin.tiny.shipped import SHIPPED
from tag_plugin.trace.prompt import grounded_prompt

Outcome = tuple[Mapping[str, Any], Mapping[str, bool]]
"""What was measured, and for each claim whether it held."""

GIB: Final = 2**30
H100_FLOPS: Final = 989e12
"""bf16, dense."""
_BATCH: Final = 50


def _peak_gib() -> float | None:
    return torch.cuda.max_memory_allocated() / GIB if torch.cuda.is_available() else None


def _below(value: float | None, limit: float) -> bool:
    """Whether a figure of a GPU is below its limit; on a CPU there is none."""
    return value is None or value < limit


def train(options: argparse.Namespace, recipe: str, out: str, **settings: object) -> Meter:
    """A shipped recipe on the drawn faces, with these settings in place of its own."""
    whole = yaml.safe_load((recipes_dir() / recipe).read_text(encoding="utf-8"))
    for name in ("eval_dataset", "eval_strategy", "per_device_eval_batch_size", "warmup_ratio"):
        whole.pop(name, None)
    if isinstance(whole.get("deepspeed"), str):
        whole["deepspeed"] = str(recipes_dir() / "deepspeed" / Path(whole["deepspeed"]).name)
        os.environ.update(ONE_RANK)
    whole |= {
        "dataset_dir": str(options.work / "data"),
        "dataset": "tag_synth_train",
        "output_dir": str(options.work / out),
        "overwrite_output_dir": True,
        "preprocessing_num_workers": 1,
        "dataloader_num_workers": 0,
        "include_num_input_tokens_seen": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "plot_loss": False,
    }
    if options.device == "cpu":
        whole |= {"use_cpu": True, "bf16": False, "flash_attn": "auto"}
        whole.pop("deepspeed", None)
    meter = Meter()
    run_exp(whole | settings, callbacks=[meter])
    return meter


def versions(options: argparse.Namespace) -> Outcome:
    """Everything imports, and a child of torchrun is armed."""
    script = options.work / "armed.py"
    script.write_text(
        "from llamafactory.data.template import TEMPLATES\n"
        "assert 'tag_qwen2_5_vl' in TEMPLATES, sorted(TEMPLATES)\n"
    )
    command = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", str(script))
    child = subprocess.run([sys.executable, *command], check=False).returncode
    installed = {name: version(name).installed for name in TESTED}
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    cuda = {"gpu": name, "cuda": torch.version.cuda, "python": sys.version.split()[0]}
    held = {"a torchrun child is armed": child == 0}
    if options.device == "cuda":
        held["torch sees a GPU"] = torch.cuda.is_available()
    return {**cuda, "versions": installed}, held


def _demo(dtype: torch.dtype, tolerance: float) -> Callable[[argparse.Namespace], Outcome]:
    def run(options: argparse.Namespace) -> Outcome:
        data = options.demo / "data" / "synth"
        rows = list(read_rows(data / "detected" / "test.jsonl"))
        rows = rows[: 8 if options.device == "cpu" else 300]
        texts = {}
        for device in ("cpu", options.device):
            exact = torch.float32 if device == "cpu" else dtype
            if device not in texts:
                texts[device] = greedy(options.demo / "sft", data, rows, device, exact)
        reached = {name: _scores(rows, written) for name, written in texts.items()}
        here, cpu = reached[options.device], reached["cpu"]
        pairs = zip(texts[options.device], texts["cpu"], strict=True)
        same = sum(one == two for one, two in pairs) / len(rows)
        measured = {"faces": len(rows), **here, "cpu_fp32": cpu, "same_traces": round(same, 4)}
        return measured, {
            f"{name} within {tolerance} of the CPU's": abs(here[name] - cpu[name]) <= tolerance
            for name in here
        }

    return run


def greedy(
    model_dir: Path, data: Path, rows: Sequence[Row], device: str, dtype: torch.dtype
) -> list[str]:
    """The model's traces of these faces."""
    model = AutoModelForImageTextToText.from_pretrained(model_dir, dtype=dtype).to(device).eval()
    processor = AutoProcessor.from_pretrained(model_dir, use_fast=False)
    processor.tokenizer.padding_side = "left"
    texts: list[str] = []
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        asked = [
            {"type": "image"},
            {"type": "text", "text": grounded_prompt(part[0].reference.labels, BoxFrame.ABSOLUTE)},
        ]
        talk = [{"role": "user", "content": asked}]
        prompt = processor.apply_chat_template(talk, add_generation_prompt=True)
        pictures = [read_face(data / row.image) for row in part]
        inputs = processor(
            text=[prompt] * len(part), images=pictures, padding=True, return_tensors="pt"
        ).to(device)
        with torch.inference_mode():
            written = model.generate(**inputs, do_sample=False, max_new_tokens=320)
        new = written[:, inputs["input_ids"].shape[1] :]
        texts += processor.batch_decode(new, skip_special_tokens=True)
    return texts


def _scores(rows: Sequence[Row], texts: Sequence[str]) -> dict[str, float]:
    scored = [
        score_completion(text, row.reference, BoxFrame.ABSOLUTE)
        for row, text in zip(rows, texts, strict=True)
    ]
    grounded = [each.grounding for each in scored if each.grounding is not None]
    answered = sum(each.answer or 0.0 for each in scored)
    return {
        "accuracy": round(answered / len(rows), 4),
        "grounding": round(sum(grounded) / len(grounded), 4),
    }


def tiny_sft(options: argparse.Namespace) -> Outcome:
    """The demo's recipe: the loss falls as on a CPU."""
    meter = train(
        options,
        "tiny/tag_sft.yaml",
        "tiny_sft",
        model_name_or_path=str(SHIPPED),
        max_steps=20,
        use_cpu=options.device == "cpu",
    )
    first, last = meter.losses[9], meter.losses[-1]
    measured = {"loss_10": round(first, 3), "loss_20": round(last, 3)}
    return measured, {"the loss falls to two thirds": last < 2 / 3 * meter.losses[0]}


def _model(shape: str, parameters: float) -> Callable[[argparse.Namespace], Outcome]:
    def run(options: argparse.Namespace) -> Outcome:
        small = options.device == "cpu"
        count = save_random_model(options.work / shape, "tiny" if small else shape, options.device)
        right = abs(count / 1e9 - parameters) < 0.01
        return {"parameters": count}, {f"{parameters} billion parameters": small or right}

    return run


def sft_lora(options: argparse.Namespace) -> Outcome:
    """7B, LoRA: six steps."""
    meter = train(
        options,
        "tag_sft_lora.yaml",
        "sft_lora",
        model_name_or_path=str(options.work / "7b"),
        max_steps=6,
        gradient_accumulation_steps=4,
    )
    rate = meter.tokens / sum(meter.seconds)
    peak, small = _peak_gib(), options.device == "cpu"
    return {**_figures(meter, peak), "tokens_per_second": round(rate)}, {
        "peak below 36 GiB": _below(peak, 36),
        "more than 8,000 tokens a second": small or rate > 8000,
        "206.1 million parameters are trained": small or abs(meter.trained / 1e6 - 206.1) < 0.1,
    }


def grpo_lora(options: argparse.Namespace) -> Outcome:
    """7B, LoRA: two steps of GRPO."""
    tokens = 16 if options.device == "cpu" else 256
    recipe = yaml.safe_load((recipes_dir() / "tag_grpo_lora.yaml").read_text(encoding="utf-8"))
    grpo = recipe["grpo"] | {"max_completion_length": tokens}
    with generation_seconds() as generation:
        meter = train(
            options,
            "tag_grpo_lora.yaml",
            "grpo_lora",
            model_name_or_path=str(options.work / "7b"),
            grpo=grpo | {"generation_kwargs": {"min_new_tokens": tokens}},
            max_steps=2,
            gradient_accumulation_steps=4,
            first_batch_check=False,
            rollout_steps=1,
        )
    texts = (options.work / "grpo_lora" / "rollouts.jsonl").read_text(encoding="utf-8")
    peak, small = _peak_gib(), options.device == "cpu"
    speed = 1000 * median(generation) / tokens
    step = median(meter.seconds)
    kl = next(line["kl"] for line in meter.logs if "kl" in line)
    return {**_figures(meter, peak), "ms_a_token": round(speed, 1), "kl_at_step_1": kl}, {
        "a token of a generation takes less than 45 ms": small or speed < 45,
        "a step takes less than 25 s": small or step < 25,
        "peak below 45 GiB": _below(peak, 45),
        "kl at step 1 below 1e-3": abs(kl) < 1e-3,
        "no picture is written": "<|image_pad|>" not in texts,
    }


def grpo_zero3(options: argparse.Namespace) -> Outcome:
    """3B, full, ZeRO-3 over NCCL: a resumed second step is the step of a run that never stopped."""
    tokens = 16 if options.device == "cpu" else 256
    recipe = yaml.safe_load((recipes_dir() / "tag_grpo.yaml").read_text(encoding="utf-8"))
    settings: dict[str, Any] = {
        "model_name_or_path": str(options.work / "3b"),
        "grpo": recipe["grpo"] | {"max_completion_length": tokens},
        "first_batch_check": False,
        "per_device_train_batch_size": 16,
        "gradient_accumulation_steps": 1,
        "max_steps": 2,
        "save_strategy": "steps",
        "save_steps": 1,
        "save_total_limit": 2,
    }
    whole = train(options, "tag_grpo.yaml", "grpo", **settings)
    peak = _peak_gib()
    checkpoint = options.work / "grpo" / "checkpoint-1"
    again = train(
        options, "tag_grpo.yaml", "resumed", **settings, resume_from_checkpoint=str(checkpoint)
    )
    names = ("loss", "reward", "grad_norm", "completions/mean_length", "kl")
    second = [next(reversed([x for x in m.logs if "loss" in x])) for m in (whole, again)]
    compared = {name: (second[0][name], second[1][name]) for name in names if name in second[0]}
    return {**_figures(whole, peak), "second_step": compared}, {
        "the resumed step is equal": all(one == two for one, two in compared.values()),
        "peak below 58 GiB": _below(peak, 58),
    }


def sft_zero2(options: argparse.Namespace) -> Outcome:
    """3B, full, ZeRO-2: speed by micro-batch."""
    found: dict[str, Any] = {}
    best = 0.0
    for batch in (4, 8, 16):
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        meter = train(
            options,
            "tag_sft.yaml",
            f"sft_{batch}",
            model_name_or_path=str(options.work / "3b"),
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=1,
            max_steps=5,
        )
        share = meter.tokens / len(meter.seconds) / median(meter.seconds)
        mfu = 6 * meter.trained * share / H100_FLOPS
        best = max(best, mfu)
        figures = {"tokens_per_second": round(share), "mfu": round(mfu, 3)}
        found[f"micro_batch_{batch}"] = {**_figures(meter, _peak_gib()), **figures}
    return found, {"MFU of at least .35": options.device == "cpu" or best >= 0.35}


def _figures(meter: Meter, peak: float | None) -> dict[str, Any]:
    return {
        "seconds_a_step": round(median(meter.seconds), 3),
        "trained_parameters": meter.trained,
        "losses": [round(loss, 4) for loss in meter.losses],
        "peak_gib": None if peak is None else round(peak, 2),
    }


RUNS: Final[Mapping[str, Callable[[argparse.Namespace], Outcome]]] = {
    "versions": versions,
    "demo_fp32": _demo(torch.float32, 0.005),
    "demo_bf16": _demo(torch.bfloat16, 0.02),
    "tiny_sft": tiny_sft,
    "model_7b": _model("7b", 8.292),
    "sft_lora_7b": sft_lora,
    "grpo_lora_7b": grpo_lora,
    "model_3b": _model("3b", 3.755),
    "grpo_zero3_3b": grpo_zero3,
    "sft_zero2_3b": sft_zero2,
}
