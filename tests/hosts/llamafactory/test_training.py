"""Real training runs of the host on the tiny models."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from llamafactory.train.tuner import export_model, run_exp
from safetensors.torch import load_file

from tag_plugin.data.checkpoint_record import CheckpointRecord, read_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import EMOTIONS, LabelSet
from tag_plugin.hosts.paths import recipes_dir
from tag_plugin.trace.prompt import grounded_prompt, label_only_prompt, prompt_hash
from tests.hosts.llamafactory.host_run import train_args

pytestmark = pytest.mark.host

EVERY = LabelSet("every", EMOTIONS)
GROUNDED = {frame: prompt_hash(grounded_prompt(EVERY, frame)) for frame in BoxFrame}
FROZEN = {"freeze_vision_tower": True, "freeze_multi_modal_projector": False}


def _changed(before: Path, after: Path) -> dict[str, bool]:
    old = load_file(before / "model.safetensors")
    new = load_file(after / "model.safetensors")
    return {name: not old[name].equal(new[name].to(old[name].dtype)) for name in new}


def _losses(out: Path) -> list[float]:
    return [
        e["loss"] for e in json.loads((out / "trainer_state.json").read_text())["log_history"][:-1]
    ]


def test_a_mix_trains(qwen2_5_vl: Path, mixed_data: Path, tmp_path: Path):
    out = tmp_path / "o"
    run_exp(
        train_args(
            qwen2_5_vl,
            mixed_data,
            out,
            dataset="tag_synth_train,plain",
            max_steps=12,
            per_device_train_batch_size=8,
            logging_steps=4,
            learning_rate=3e-3,
            save_strategy="steps",
            save_steps=6,
            **FROZEN,
        )
    )
    losses = _losses(out)
    assert losses[-1] < losses[0] - 0.5
    expected = CheckpointRecord(
        template="tag_qwen2_5_vl",
        box_frame=BoxFrame.ABSOLUTE,
        prompt_hash=GROUNDED[BoxFrame.ABSOLUTE],
    )
    for folder in (out, out / "checkpoint-6", out / "checkpoint-12"):
        assert read_checkpoint_record(folder) == expected
    changed = _changed(qwen2_5_vl, out)
    assert not any(moved for name, moved in changed.items() if "visual.blocks" in name)
    assert any(moved for name, moved in changed.items() if "visual.merger" in name)
    assert any(moved for name, moved in changed.items() if "visual" not in name)


def test_a_streamed_mix_trains(qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    run_exp(
        train_args(
            qwen2_5_vl,
            data_dir,
            tmp_path / "o",
            dataset="tag_synth_train,plain",
            mix_strategy="interleave_under",
            streaming=True,
            dataloader_num_workers=1,
        )
    )
    assert json.loads((tmp_path / "o/train_results.json").read_text())["train_loss"] > 0


@pytest.mark.parametrize(
    ("settings", "prompts"),
    [
        ({"dataset": "tag_synth_train"}, [GROUNDED[BoxFrame.RELATIVE]]),
        (
            {"dataset": "tag_synth_train_label_only"},
            [prompt_hash(label_only_prompt(EVERY))],
        ),
        (
            {"dataset": "tag_synth_train,tag_synth_train_label_only"},
            [GROUNDED[BoxFrame.RELATIVE], prompt_hash(label_only_prompt(EVERY))],
        ),
    ],
)
def test_qwen3_vl_trains_and_the_checkpoint_says_on_which_question(
    settings: dict[str, Any], prompts: list[str], qwen3_vl: Path, data_dir: Path, tmp_path: Path
):
    out = tmp_path / "o"
    run_exp(train_args(qwen3_vl, data_dir, out, template="tag_qwen3_vl_nothink", **settings))
    record = read_checkpoint_record(out)
    assert record is not None
    assert record.box_frame is BoxFrame.RELATIVE
    assert record.prompt_hash == "+".join(sorted(prompts))


def test_a_run_under_a_template_of_the_host_is_not_recorded(
    qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    run_exp(train_args(qwen2_5_vl, data_dir, tmp_path / "o", dataset="plain", template="qwen2_vl"))
    assert read_checkpoint_record(tmp_path / "o") is None


def _lora_settings() -> dict[str, Any]:
    recipe = yaml.safe_load((recipes_dir() / "tag_sft_lora.yaml").read_text())
    names = ("lora_target", "additional_target", "lora_rank", "finetuning_type", *FROZEN)
    return {name: recipe[name] for name in names}


@pytest.mark.parametrize(
    ("model", "template"),
    [("qwen2_5_vl", "tag_qwen2_5_vl"), ("qwen3_vl", "tag_qwen3_vl_nothink")],
)
def test_lora_trains_saves_and_exports_the_projector(
    model: str, template: str, data_dir: Path, tmp_path: Path, request: pytest.FixtureRequest
):
    base, out = request.getfixturevalue(model), tmp_path / "lora"
    run_exp(train_args(base, data_dir, out, template=template, **_lora_settings()))
    adapter = load_file(out / "adapter_model.safetensors")
    merger = {name: tensor for name, tensor in adapter.items() if "visual.merger" in name}
    original = load_file(base / "model.safetensors")
    assert merger
    for name, tensor in merger.items():
        place = name[name.index("visual.merger") :]
        (old,) = (value for other, value in original.items() if other.endswith(place))
        assert not old.equal(tensor.to(old.dtype)), f"{name} did not move"
    assert not [name for name in adapter if "visual.blocks" in name]
    assert [name for name in adapter if "language_model" in name and "lora_A" in name]

    merged = tmp_path / "merged"
    export = {
        "model_name_or_path": str(base),
        "adapter_name_or_path": str(out),
        "template": template,
        "export_dir": str(merged),
        "export_device": "cpu",
        "trust_remote_code": False,
    }
    export_model(export)
    assert read_checkpoint_record(merged) == read_checkpoint_record(out) is not None
    changed = _changed(base, merged)
    assert any(moved for name, moved in changed.items() if "visual.merger" in name)
