"""Train and test ask the same question: what lmms-eval gives the model is what SFT trains on."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tag_plugin.data.rows import write_rows
from tag_plugin.facs.boxes import FACE_FRAME
from tests.hosts.llamafactory.tag_data import write_tag_dataset

pytestmark = [
    pytest.mark.host,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llamafactory") is None, reason="needs both hosts"),
]

Asked = list[tuple[list[int], Any]]
"""Prompt ids and pixels (a tensor) of each sample."""

FACES = 4


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same faces as built/train.jsonl and as detected/test.jsonl; the pictures are noise."""
    data_dir = tmp_path_factory.mktemp("data")
    rows = write_tag_dataset(data_dir, FACES)
    random = np.random.default_rng(0)
    for row in rows:
        noise = random.integers(0, 256, (FACE_FRAME, FACE_FRAME, 3), dtype=np.uint8)
        Image.fromarray(noise).save(data_dir / "synth" / row.image)
    tests = [row.model_copy(update={"split": "test", "trace": None}) for row in rows]
    write_rows(data_dir / "synth/detected/test.jsonl", tests)
    return data_dir


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A small random model of a family, made when it is first asked for."""
    from tests.hosts.llamafactory import tiny_families, tiny_models

    folder = tmp_path_factory.mktemp("models")

    @cache
    def save(family: str) -> Path:
        module = tiny_models if family.startswith("qwen") else tiny_families
        made: Path = getattr(module, f"save_{family}")(folder / family)
        if family == "qwen2_5_vl":
            _name_the_slow_processor(made / "preprocessor_config.json")
        if family.startswith("llava"):
            _begin_with_bos(made / "tokenizer.json")
        return made

    return save


def _name_the_slow_processor(file: Path) -> None:
    """As the published Qwen2.5-VL checkpoints do; both hosts then load the fast one."""
    config = json.loads(file.read_text())
    file.write_text(json.dumps({**config, "image_processor_type": "Qwen2VLImageProcessor"}))


def _begin_with_bos(file: Path) -> None:
    """As the tokenizers of LLaVA's checkpoints do; the host's template for them has none."""
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    words = Tokenizer.from_file(str(file))
    bos = ("<|im_start|>", words.token_to_id("<|im_start|>"))
    words.post_processor = TemplateProcessing(single=f"{bos[0]} $A", special_tokens=[bos])
    words.save(str(file))


def trained_on(model: Path, data_dir: Path, template: str, out: Path) -> Asked:
    """Prompt ids and pixels of each sample, as the host's collator hands them to the trainer.

    `out` becomes the checkpoint that the training would save, with the weights of `model`.
    """
    from llamafactory.data import (
        SFTDataCollatorWith4DAttentionMask,
        get_dataset,
        get_template_and_fix_tokenizer,
    )
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    from tag_plugin.data.checkpoint_record import write_checkpoint_record
    from tag_plugin.hosts.llamafactory.tag_run import tag_run
    from tests.hosts.llamafactory.host_run import train_args

    recipe = train_args(model, data_dir, data_dir / "out", template=template)
    model_args, data_args, training_args, _, _ = get_train_args(recipe)
    modules = load_tokenizer(model_args)
    chat = get_template_and_fix_tokenizer(modules["tokenizer"], data_args)
    data = get_dataset(chat, model_args, data_args, training_args, stage="sft", **modules)
    collator = SFTDataCollatorWith4DAttentionMask(template=chat, **modules)
    batches = [collator([dict(sample)]) for sample in data["train_dataset"]]
    shutil.copytree(model, out)
    for each in ("processor", "tokenizer"):
        modules[each].save_pretrained(out)
    record = tag_run(data_args).record()
    assert record is not None
    write_checkpoint_record(out, record)
    return [(prompt_ids(batch), batch["pixel_values"]) for batch in batches]


def prompt_ids(batch: dict[str, Any]) -> list[int]:
    """The tokens before the first one that is learnt."""
    first = int((batch["labels"][0] != -100).nonzero()[0])
    return batch["input_ids"][0, :first].tolist()


def asked(
    monkeypatch: pytest.MonkeyPatch, architecture: str, name: str, arguments: str, **settings: Any
) -> Asked:
    """Prompt ids and pixels of each sample, as the host's wrapper hands them to the model."""
    import torch
    import transformers
    from lmms_eval.evaluator import simple_evaluate

    seen: Asked = []

    def generate(self: Any, **inputs: Any) -> Any:
        assert type(self).__name__ == architecture
        ids, pixels = inputs["input_ids"], inputs["pixel_values"]
        parts = [pixels]
        if "image_grid_thw" in inputs:
            parts = [*pixels.split(inputs["image_grid_thw"].prod(dim=1).tolist())]
        seen.extend(zip(ids.tolist(), parts, strict=True))
        return torch.cat([ids, ids[:, -1:]], dim=1)

    monkeypatch.setattr(getattr(transformers, architecture), "generate", generate)
    simple_evaluate(model=name, model_args=arguments, tasks=["tag_synth"], **settings)
    return seen


TRIED = [
    ("qwen2_vl", "Qwen2VLForConditionalGeneration", "tag_qwen2_vl", "qwen2_vl", FACES),
    ("qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration", "tag_qwen2_5_vl", "qwen2_5_vl", FACES),
    ("qwen3_vl", "Qwen3VLForConditionalGeneration", "tag_qwen3_vl", "qwen3_vl", FACES),
    ("qwen3_vl", "Qwen3VLForConditionalGeneration", "tag_qwen3_vl_nothink", "qwen3_vl", FACES),
    ("llava", "LlavaForConditionalGeneration", "tag_llava", "llava_hf", 1),
    ("llava_next", "LlavaNextForConditionalGeneration", "tag_llava_next", "llava_hf", 1),
    ("intern_vl", "InternVLForConditionalGeneration", "tag_intern_vl", "internvl_hf", 1),
    ("glm4v", "Glm4vForConditionalGeneration", "tag_glm4v", "glm4v", FACES),
]


@pytest.mark.parametrize(("family", "architecture", "template", "wrapper", "most"), TRIED)
def test_train_and_test_ask_the_same_question(
    family, architecture, template, wrapper, most, faces, models, manager, monkeypatch, tmp_path
):
    monkeypatch.setenv("TAG_DATA_DIR", str(faces))
    monkeypatch.delenv("TAG_BOX_FRAME", raising=False)
    checkpoint = tmp_path / "checkpoint"
    trained = trained_on(models(family), faces, template, checkpoint)
    assert len(trained) == FACES
    settings = {"task_manager": manager, "batch_size": 1}
    plain = f"pretrained={checkpoint}"
    by_name = asked(
        monkeypatch, architecture, wrapper, plain + ",device_map=cpu", device="cpu", **settings
    )
    by_architecture = asked(
        monkeypatch, architecture, "hf", plain, **settings | {"batch_size": most}
    )
    for found in (by_name, by_architecture):
        assert len(found) == FACES
        for (ids, pixels), (trained_ids, trained_pixels) in zip(found, trained, strict=True):
            assert ids == trained_ids
            assert pixels.equal(trained_pixels.to(pixels.dtype))
