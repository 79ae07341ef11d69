"""An SFT run that was killed goes on as if it had never stopped."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from llamafactory.train.tuner import run_exp

from tag_plugin.hosts.llamafactory.checkpoints import last_whole_checkpoint
from tests.hosts.llamafactory import killed_runs
from tests.hosts.llamafactory.host_run import train_args

pytestmark = pytest.mark.host

STEPS = 3


def recipe(model: Path, data_dir: Path, out: Path, **settings: Any) -> dict[str, Any]:
    """Three steps, a checkpoint after each; a learning rate at which every step shows."""
    saving = {"save_strategy": "steps", "save_steps": 1, "logging_steps": 1, "max_steps": STEPS}
    return train_args(model, data_dir, out, **{**saving, "overwrite_output_dir": False, **settings})


def losses(out: Path) -> list[tuple[int, float]]:
    log = json.loads((out / "trainer_state.json").read_text())["log_history"]
    found = [(each["step"], each["loss"]) for each in log if "loss" in each]
    assert [step for step, _ in found] == list(range(1, STEPS + 1))
    assert found[0][1] - found[-1][1] > 0.02, "a run that learns nothing would prove nothing"
    return found


CASES = {
    "adapter": {"finetuning_type": "lora", "learning_rate": 1e-2},
    "nothing of TAG": {"template": "qwen2_vl", "dataset": "plain"},
}


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_equals_an_uninterrupted_one(
    case: str, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    whole = recipe(qwen2_5_vl, data_dir, tmp_path / "whole", **CASES[case])
    run_exp(whole)
    checkpoint = str(tmp_path / "whole/checkpoint-2")
    run_exp({**whole, "output_dir": str(tmp_path / "on"), "resume_from_checkpoint": checkpoint})
    assert losses(tmp_path / "on") == losses(tmp_path / "whole")


def test_kill_9_during_a_save(qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    whole, killed = (
        recipe(qwen2_5_vl, data_dir, tmp_path / name, dataset="tag_synth_train,plain")
        for name in ("whole", "killed")
    )
    # weights and optimizer are written, the state is not
    assert killed_runs.run(killed, "_save_rng_state 2") == [-signal.SIGKILL]
    half = tmp_path / "killed/checkpoint-2"
    assert (half / "model.safetensors").is_file()
    assert not (half / "trainer_state.json").exists()
    run_exp(killed)
    run_exp(whole)
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


def test_the_best_model_is_really_loaded(qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    """The first checkpoint is called the best: its loss is the highest, and that is asked for."""
    run_exp(
        recipe(
            qwen2_5_vl,
            data_dir,
            tmp_path / "o",
            eval_dataset="tag_synth_train",
            eval_strategy="steps",
            eval_steps=1,
            load_best_model_at_end=True,
            metric_for_best_model="eval_loss",
            greater_is_better=True,
            save_total_limit=STEPS,
        )
    )
    state = json.loads((tmp_path / "o/trainer_state.json").read_text())
    best = Path(state["best_model_checkpoint"])
    assert best.name != f"checkpoint-{STEPS}"
    saved, wanted = ((each / "model.safetensors").read_bytes() for each in (tmp_path / "o", best))
    assert saved == wanted


def test_half_a_checkpoint_is_passed_over(tmp_path: Path, host_log: list[str]):
    for step, state in ((9, '{"global_step": 9}'), (10, "{}"), (100, '{"global_st')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-101").mkdir()
    (tmp_path / "checkpoint-best").mkdir()
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert any("checkpoint-101 was not written to its end; resuming from" in e for e in host_log)


def test_nothing_but_half_a_checkpoint_is_no_checkpoint(tmp_path: Path, host_log: list[str]):
    (tmp_path / "checkpoint-1").mkdir()
    assert last_whole_checkpoint(tmp_path) is None
    assert any("beginning anew" in said for said in host_log)
