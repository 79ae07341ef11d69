"""A wrong configuration ends the run before any model loads, and says what to write instead."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from llamafactory.train.sft import workflow
from llamafactory.train.tuner import run_exp

from tag_plugin.data.checkpoint_record import read_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.model_view import FaceGridError, SpecialTokenError
from tag_plugin.hosts.llamafactory.templates import TemplateError
from tests.hosts.llamafactory.host_run import samples, train_args

pytestmark = pytest.mark.host


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(workflow, "load_model", refuse)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"template": "qwen2_vl"},
            r"'tag_synth_train' \(formatting: tag\).*not 'qwen2_vl'; next: template: tag_qwen2_vl",
        ),
        (
            {"template": "qwen2_vl", "dataset": "plain,tag_synth_train_label_only"},
            r"'tag_synth_train_label_only' \(formatting: tag_label_only\)",
        ),
        (
            {"template": "qwen2_vl", "dataset": "plain", "eval_dataset": "tag_synth_train"},
            "'tag_synth_train'",
        ),
        ({"template": None}, "next: template: one of tag_qwen2_vl"),
    ],
)
def test_tag_data_under_another_template(
    settings: dict[str, Any], said: str, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    with pytest.raises(TemplateError, match=said):
        run_exp(train_args(qwen2_5_vl, data_dir, tmp_path / "o", **settings))


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"image_max_pixels": 336 * 336}, "336x336"),
        ({"image_max_pixels": 4096 * 4096, "image_min_pixels": 512 * 512}, "512x512"),
    ],
)
def test_pictures_that_the_recipe_would_resize(
    settings: dict[str, Any], size: str, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    with pytest.raises(FaceGridError, match=rf"{size}; next: set image_max_pixels >= 200704"):
        run_exp(train_args(qwen2_5_vl, data_dir, tmp_path / "o", **settings))


@pytest.mark.usefixtures("no_model")
def test_pictures_that_the_processor_would_resize(qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    from transformers import AutoProcessor

    model = tmp_path / "model"
    shutil.copytree(qwen2_5_vl, model)
    processor = AutoProcessor.from_pretrained(model)
    processor.image_processor.size = {"shortest_edge": 56 * 56, "longest_edge": 224 * 224}
    processor.image_processor.max_pixels = 224 * 224
    processor.save_pretrained(model)
    with pytest.raises(FaceGridError, match="224x224"):
        run_exp(train_args(model, data_dir, tmp_path / "o"))


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("tokens", "named"),
    [
        ("<bbox>", "<bbox>"),
        ("<face>,</bbox>", "</bbox>"),
        ("<answer>,</answer>", "</answer>"),
        ("AU12", "AU12"),
        ("<seg>,happiness", "happiness"),
    ],
)
def test_special_tokens_that_are_part_of_an_answer(
    tokens: str, named: str, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o", add_special_tokens=tokens)
    with pytest.raises(SpecialTokenError, match=f"special token '{named}', .*next: leave it out"):
        run_exp(recipe)


@pytest.mark.usefixtures("no_model")
def test_special_tokens_of_the_model_that_are_part_of_an_answer(
    qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    from transformers import AutoTokenizer

    model = tmp_path / "model"
    shutil.copytree(qwen2_5_vl, model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens(["<bbox>"], special_tokens=True)
    tokenizer.save_pretrained(model)
    with pytest.raises(SpecialTokenError, match="'<bbox>'"):
        run_exp(train_args(model, data_dir, tmp_path / "o"))


@pytest.mark.parametrize("setting", ["add_tokens", "add_special_tokens"])
def test_other_tokens_may_be_added(setting: str, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    tokens = "<bbox>,</bbox>" if setting == "add_tokens" else "<face>"
    assert len(samples(train_args(qwen2_5_vl, data_dir, tmp_path / "o", **{setting: tokens}))) == 8


def test_plain_data_may_be_resized_as_before(qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    recipe = train_args(
        qwen2_5_vl, data_dir, tmp_path / "o", dataset="plain", image_max_pixels=56 * 56
    )
    assert len(samples(recipe)) == 8


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"template": "qwen2_vl"}, "needs a template"),
        ({"template": "tag_qwen2_vl"}, "was tokenized with template='tag_qwen2_5_vl'"),
        ({"dataset": "tag_synth_train_label_only"}, "was tokenized with"),
        ({"template": "qwen2_vl", "dataset": "plain"}, "was tokenized with"),
    ],
)
def test_tokenized_data_of_another_kind(
    settings: dict[str, Any], said: str, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    tokenized = tmp_path / "tokenized"
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o", tokenized_path=str(tokenized))
    first = samples(recipe)
    record = read_checkpoint_record(tokenized)
    assert record is not None
    assert record.box_frame is BoxFrame.ABSOLUTE
    assert samples(recipe) == first
    with pytest.raises(TemplateError, match=said):
        samples({**recipe, **settings})
