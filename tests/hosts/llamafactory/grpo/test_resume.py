"""A run that was killed goes on as if it had never stopped."""

import json
from pathlib import Path
from typing import Any

import pytest
from llamafactory.train.tuner import run_exp
from transformers import TrainerCallback

from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward

pytestmark = pytest.mark.host

TIMES = ("_runtime", "_per_second", "total_flos")
LONG = {
    "max_samples": 4,  # two steps an epoch
    "max_steps": 4,
    "save_steps": 1,
    "rollout_steps": 1,
    "save_strategy": "steps",
}

CASES = {
    "with a reference": {"grpo": {"beta": 0.1}},
    "in the middle of a generation cycle, rows with and without pictures": {
        "dataset": "tag_rl,pairs,text",
        "max_samples": 2,
        "grpo": {"steps_per_generation": 2, "num_iterations": 2},
        "per_device_train_batch_size": 4,
        "max_steps": 6,
    },
    "lora": {"finetuning_type": "lora", "grpo": {"beta": 0.1}},
}


class PowerCutError(RuntimeError):
    pass


class CutAt(TrainerCallback):
    """Ends the process's run in the middle of a step, after the last checkpoint was written."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            raise PowerCutError


def history(out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """The trainer's log, ours and the rollouts."""
    log = json.loads((out / "trainer_state.json").read_text())["log_history"]
    lines = [
        [json.loads(line) for line in (out / name).read_text().splitlines()]
        for name in ("grpo_log.jsonl", "rollouts.jsonl")
    ]
    metrics, rollouts = ([_timeless(each) for each in records] for records in lines)
    return [_timeless(each) for each in log], metrics, rollouts


def _timeless(record: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in record.items() if not k.endswith(TIMES) and k != "train_loss"}


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_equals_an_uninterrupted_one(
    case: str, qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    settings = {**LONG, "rewards": [own_reward("vowels"), "format"], **CASES[case]}
    whole, cut = (
        grpo_recipe(qwen2_5_vl, rl_data, tmp_path / name, **settings, overwrite_output_dir=False)
        for name in ("whole", "cut")
    )
    run_exp(whole)
    with pytest.raises(PowerCutError):
        run_exp(cut, callbacks=[CutAt(3)])
    run_exp(cut)
    expected, found = history(tmp_path / "whole"), history(tmp_path / "cut")
    assert [each["step"] for each in found[1]] == [each["step"] for each in expected[1]]
    assert found == expected
    assert len({each["grad_norm"] for each in expected[1] if "grad_norm" in each}) >= 4


def test_a_checkpoint_of_another_stage_is_refused(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    sft = grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "sft", save_strategy="steps", save_steps=1)
    for key in ("grpo", "rewards", "first_batch_check"):
        sft.pop(key)
    run_exp({**sft, "stage": "sft", "dataset": "tag_synth_train", "max_steps": 1})
    checkpoint = tmp_path / "sft/checkpoint-1"
    with pytest.raises(GrpoError, match="next: model_name_or_path: that checkpoint"):
        run_exp(
            grpo_recipe(
                qwen2_5_vl, rl_data, tmp_path / "rl", resume_from_checkpoint=str(checkpoint)
            )
        )
