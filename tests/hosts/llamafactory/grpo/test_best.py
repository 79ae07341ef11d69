"""The best checkpoint is chosen by what an evaluation measures, and training stops by it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from llamafactory.train.tuner import run_exp
from safetensors.torch import load_file

from tag_plugin.hosts.llamafactory.grpo.best import held_out_metrics
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward

pytestmark = pytest.mark.host

EVALUATED = {
    "eval_dataset": "tag_rl",
    "eval_strategy": "steps",
    "eval_steps": 1,
    "save_strategy": "steps",
    "save_steps": 1,
    "max_samples": 2,
    "per_device_eval_batch_size": 8,
    "metric_for_best_model": "eval_reward",
}


def test_the_best_checkpoint_by_reward_is_kept_and_training_stops(
    qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    out = tmp_path / "o"
    rewards = [own_reward("best_at_step_2", weight=5.0), own_reward("vowels", weight=0.1)]
    run_exp(
        grpo_recipe(
            *(qwen2_5_vl, rl_data, out),
            **EVALUATED,
            rewards=[*rewards, "format"],
            grpo={"beta": 0.1},
            load_best_model_at_end=True,
            early_stopping_steps=2,
            max_steps=6,
        )
    )
    state = json.loads((out / "trainer_state.json").read_text())
    assert state["global_step"] == 4, "two evaluations after the best"
    assert Path(state["best_model_checkpoint"]).name == "checkpoint-2"
    final, best, last = (
        load_file(folder / "model.safetensors")
        for folder in (out, out / "checkpoint-2", out / "checkpoint-4")
    )
    assert all(torch.equal(final[name], best[name]) for name in final)
    assert any(not torch.equal(final[name], last[name]) for name in final)
    evaluated = [each for each in state["log_history"] if "eval_reward" in each]
    names = held_out_metrics(["best_at_step_2", "vowels", "format"], beta=0.1)
    assert {f"eval_{name}" for name in names} <= evaluated[0].keys()
    assert [each["step"] for each in evaluated] == [1, 2, 3, 4]


def test_each_evaluation_set_has_its_own_metrics(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    settings: dict[str, Any] = {
        **EVALUATED,
        "eval_dataset": "tag_rl,tag_prepared",
        "eval_on_each_dataset": True,
        "metric_for_best_model": "eval_tag_prepared_rewards/vowels/mean",
        "rewards": [own_reward("vowels")],
        "max_steps": 1,
        "do_eval": True,
    }
    run_exp(grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", **settings))
    results = json.loads((tmp_path / "o/eval_results.json").read_text())
    assert {"eval_tag_rl_reward", "eval_tag_prepared_reward"} <= results.keys()
    assert not {"eval_reward", "eval_tag_rl_tag_rl_reward"} & results.keys()


def test_a_reward_that_applies_to_no_held_out_row_cannot_choose(
    qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    settings = EVALUATED | {"metric_for_best_model": "rewards/never_applies/mean"}
    rewards = [own_reward("vowels"), own_reward("never_applies")]
    with pytest.raises(GrpoError, match="applied to no row of the evaluation set; next: another"):
        run_exp(grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", **settings, rewards=rewards))
