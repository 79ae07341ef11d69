"""`box_frame:` in a recipe: a family without an established frame trains with it, never without."""

from pathlib import Path
from typing import Any

import pytest
from llamafactory.train.sft import workflow as sft
from llamafactory.train.tuner import run_exp
from transformers import AutoTokenizer
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.checkpoint_record import CheckpointRecord, read_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import label_set
from tag_plugin.hosts.llamafactory.grpo import workflow as grpo
from tag_plugin.hosts.llamafactory.templates import TemplateError
from tag_plugin.hosts.lmms_eval.checkpoints import find_question
from tag_plugin.trace.parse import ANY_EMOTION
from tag_plugin.trace.prompt import grounded_prompt, prompt_hash
from tag_plugin.trace.render import render
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward, write_rl_data
from tests.hosts.llamafactory.host_run import samples, train_args
from tests.hosts.llamafactory.tag_data import row

pytestmark = pytest.mark.host

TEMPLATE = "tag_keye_vl"  # no established frame, and the special tokens of the tiny model
SYNTH = label_set("synth")
RECIPES = {"sft": train_args, "grpo": grpo_recipe}


@pytest.fixture
def rl_data(tmp_path: Path) -> Path:
    return write_rl_data(tmp_path / "rl", 4)


@pytest.mark.parametrize("stage", RECIPES)
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "template 'tag_keye_vl' declares no box frame .*; next: box_frame: relative"),
        ({"box_frame": "pixels"}, "box_frame: 'pixels' is no frame; next: relative"),
        (
            {"template": "tag_qwen2_5_vl", "box_frame": "relative"},
            "box_frame: relative contradicts template 'tag_qwen2_5_vl', whose family writes abs",
        ),
        ({"template": "qwen2_vl", "box_frame": "relative"}, "next: template: tag_qwen2_vl or"),
    ],
)
def test_without_a_frame_or_with_a_second_one_nothing_loads(
    stage: str,
    settings: dict[str, Any],
    said: str,
    qwen2_5_vl: Path,
    rl_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    def refuse(*_: Any) -> None:
        raise AssertionError("the model was loaded")

    for module in (sft, grpo):
        monkeypatch.setattr(module, "load_model", refuse)
    with pytest.raises(TemplateError, match=said) as error:
        run_exp(RECIPES[stage](qwen2_5_vl, rl_data, tmp_path / "o", template=TEMPLATE) | settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("frame", [BoxFrame.FRACTION, BoxFrame.RELATIVE_YXYX])
def test_the_frame_reaches_question_answer_record_and_evaluation(
    frame: BoxFrame, qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    recipe = train_args(qwen2_5_vl, rl_data, tmp_path / "o", template=TEMPLATE, box_frame=frame)
    tokenizer = AutoTokenizer.from_pretrained(qwen2_5_vl)
    taught = tokenizer.decode(samples(recipe)[0]["input_ids"])
    assert grounded_prompt(SYNTH, frame) in taught
    assert render(row(0).trace, frame) in taught
    words = ["prompt", "--template", TEMPLATE, "--box-frame", frame, "--label-set", "synth"]
    assert grounded_prompt(SYNTH, frame) in CliRunner().invoke(app, words).output
    run_exp({**recipe, "max_steps": 1})
    wording = prompt_hash(grounded_prompt(ANY_EMOTION, frame))
    record = CheckpointRecord(template=TEMPLATE, box_frame=frame, prompt_hash=wording)
    assert read_checkpoint_record(tmp_path / "o") == record
    for other in ({"box_frame": "relative"}, {"template": "tag_qwen2_5_vl", "box_frame": None}):
        again = {**recipe, "model_name_or_path": str(tmp_path / "o"), **other}
        with pytest.raises(
            TemplateError, match=f"was trained to write {frame} boxes .*; next: the"
        ):
            run_exp(again)
    asked = find_question("hf", {"pretrained": str(tmp_path / "o")})
    assert asked.prompt(SYNTH) == grounded_prompt(SYNTH, frame)


def test_grpo_asks_and_judges_in_the_frame(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    rewards = [own_reward("vowels"), "au_grounding"]
    settings: dict[str, Any] = {"max_steps": 1, "rewards": rewards, "box_frame": "fraction"}
    run_exp(grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", template=TEMPLATE, **settings))
    record = read_checkpoint_record(tmp_path / "o")
    assert record is not None
    assert record.box_frame is BoxFrame.FRACTION


def test_other_data_need_no_frame_and_are_not_recorded(
    qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    recipe = train_args(qwen2_5_vl, rl_data, tmp_path / "o", template=TEMPLATE, dataset="plain")
    assert len(samples(recipe)) == 4
    run_exp({**recipe, "max_steps": 1})
    assert read_checkpoint_record(tmp_path / "o") is None
