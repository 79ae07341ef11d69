"""In which frame a model writes boxes is read or told, and otherwise an error."""

import json
from pathlib import Path

import pytest

from tag_plugin.data.checkpoint_record import CheckpointRecord, write_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.hosts.lmms_eval.checkpoints import ARCHITECTURES, find_question, wrapper_name
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.trace.parse import ANY_EMOTION
from tag_plugin.trace.prompt import grounded_prompt, label_only_prompt, prompt_hash

GROUNDED = prompt_hash(grounded_prompt(ANY_EMOTION, BoxFrame.ABSOLUTE))
LABEL_ONLY = prompt_hash(label_only_prompt(ANY_EMOTION))


@pytest.fixture(autouse=True)
def not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAG_BOX_FRAME", raising=False)


def checkpoint(folder: Path, model_type: str = "unheard_of", asked: str | None = None) -> Path:
    """A folder with a config.json and, if it was `asked` something, an absolute record."""
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    if asked is not None:
        record = CheckpointRecord(template="t", box_frame=BoxFrame.ABSOLUTE, prompt_hash=asked)
        write_checkpoint_record(folder, record)
    return folder


def find(model: str, folder: Path | str):
    return find_question(model, {"pretrained": str(folder)})


@pytest.mark.parametrize(
    ("model_type", "frame"),
    [
        ("qwen2_vl", BoxFrame.RELATIVE),
        ("qwen2_5_vl", BoxFrame.ABSOLUTE),
        ("qwen3_vl", BoxFrame.RELATIVE),
        ("qwen3_5", BoxFrame.RELATIVE),
        ("internvl", BoxFrame.RELATIVE),
        ("glm4v_moe", BoxFrame.RELATIVE),
    ],
)
def test_a_stock_model_writes_the_frame_of_its_family(tmp_path, model_type, frame):
    found = find("hf", checkpoint(tmp_path, model_type))
    assert found.frame is frame
    assert found.source == f"what {model_type} models are pre-trained on"


def test_a_wrapper_of_one_family_needs_no_config():
    assert find("qwen2_5_vl", "Some/Hub-Id").frame is BoxFrame.ABSOLUTE


def test_the_record_of_the_training_comes_first(tmp_path):
    found = find("hf", checkpoint(tmp_path, "qwen3_vl", asked=GROUNDED))
    assert (found.frame, found.label_only) == (BoxFrame.ABSOLUTE, False)
    assert found.source == f"tag_plugin.json of {tmp_path}"


@pytest.mark.parametrize(
    ("asked", "label_only"),
    [(GROUNDED, False), (LABEL_ONLY, True), (f"{LABEL_ONLY}+{GROUNDED}", False)],
)
def test_a_model_is_asked_what_it_was_trained_on(tmp_path, asked, label_only):
    found = find("hf", checkpoint(tmp_path, asked=asked))
    assert found.label_only is label_only
    labels = LABEL_SETS["rafdb"]
    plain, grounded = label_only_prompt(labels), grounded_prompt(labels, BoxFrame.ABSOLUTE)
    assert found.prompt(labels) == (plain if label_only else grounded)


def test_a_training_with_other_words_is_stated(tmp_path):
    found = find("hf", checkpoint(tmp_path, asked="000000000000"))
    assert not found.label_only
    assert "other words" in found.source


def test_the_user_may_tell_the_frame_of_an_unknown_model(tmp_path, monkeypatch):
    monkeypatch.setenv("TAG_BOX_FRAME", "absolute")
    found = find("openai", checkpoint(tmp_path))
    assert (found.frame, found.source) == (BoxFrame.ABSOLUTE, "TAG_BOX_FRAME")


def test_telling_against_the_record_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TAG_BOX_FRAME", "relative")
    with pytest.raises(WrongConfigurationError, match="next: unset TAG_BOX_FRAME"):
        find("hf", checkpoint(tmp_path, asked=GROUNDED))


def test_a_frame_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setenv("TAG_BOX_FRAME", "pixels")
    with pytest.raises(
        WrongConfigurationError, match="'pixels'; next: relative, absolute, fraction,"
    ):
        find_question("dummy", {})


@pytest.mark.parametrize("model", ["dummy", "hf"])
def test_nobody_guesses(tmp_path, model):
    with pytest.raises(WrongConfigurationError, match="next: export TAG_BOX_FRAME=relative"):
        find(model, checkpoint(tmp_path))


def test_a_broken_record_is_named(tmp_path):
    (checkpoint(tmp_path, "qwen2_5_vl") / "tag_plugin.json").write_text("{")
    with pytest.raises(
        WrongConfigurationError, match=r"tag_plugin\.json is not a checkpoint record"
    ):
        find("hf", tmp_path)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_hf_means_the_wrapper_of_the_checkpoints_family(tmp_path, model_type):
    arguments = {"pretrained": str(checkpoint(tmp_path, model_type))}
    assert wrapper_name(arguments) == ARCHITECTURES[model_type].wrapper


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"model_type": "llama"}', "'llama' model, --model hf knows qwen2_vl"),
        (
            '{"model_type": "gemma3"}',
            r"llamafactory-cli api --model_name_or_path \S+ --template TEM",
        ),
        ('{"model_type": "kimi_vl"}', "lmms-eval --model vllm --model_args model=/"),
        ("{}", "no config.json that names its model_type"),
        ("{", r"config\.json: not JSON"),
    ],
)
def test_a_checkpoint_that_hf_cannot_load_is_refused(tmp_path, config, message):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(WrongConfigurationError, match=message):
        wrapper_name({"pretrained": str(tmp_path)})


def test_hf_needs_a_checkpoint():
    with pytest.raises(WrongConfigurationError, match="next: --model_args pretrained=DIR"):
        wrapper_name({})
