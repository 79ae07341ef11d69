"""The settings that save memory and generations do what they say."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from llamafactory.train.tuner import run_exp

from tag_plugin.hosts.llamafactory.grpo.trainer import StageTrainer
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward
from tests.hosts.llamafactory.grpo.test_prompts import spy

pytestmark = pytest.mark.host


def test_one_generation_serves_its_steps_and_iterations(
    qwen2_5_vl: Path, rl_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """2 steps x 2 iterations: steps 1 to 4 learn from one generation, step 5 from the next."""
    steps: list[int] = []

    def see(trainer: Any, _: Any, prompts: Any, images: Any) -> None:
        steps.append(trainer.state.global_step + 1)
        assert len(prompts) == 8

    spy(monkeypatch, StageTrainer, "_generate_single_turn", see)
    run_exp(
        grpo_recipe(
            qwen2_5_vl,
            rl_data,
            tmp_path / "o",
            rewards=[own_reward("vowels")],
            per_device_train_batch_size=4,
            grpo={"steps_per_generation": 2, "num_iterations": 2},
            max_steps=5,
        )
    )
    assert steps == [1, 5]
    log = (tmp_path / "o/grpo_log.jsonl").read_text().splitlines()
    norms = {json.loads(line).get("grad_norm") for line in log} - {None}
    assert len(norms) == 5  # the policy moves at every step


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing_changes_the_memory_alone(
    reentrant: bool,
    qwen2_5_vl: Path,
    rl_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Layers are recomputed, as the recipe says; completions are still written with the cache."""
    modes, widths = [], []
    original = torch.utils.checkpoint.checkpoint

    def checkpoint(*args: Any, use_reentrant: bool, **kwargs: Any) -> Any:
        modes.append(use_reentrant)
        return original(*args, use_reentrant=use_reentrant, **kwargs)

    def see(trainer: Any, _: Any, prompts: Any, images: Any) -> None:
        def width(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
            widths.append(kwargs["input_ids"].shape[1])

        if not widths:
            trainer.model.register_forward_pre_hook(width, with_kwargs=True)

    monkeypatch.setattr(torch.utils.checkpoint, "checkpoint", checkpoint)
    spy(monkeypatch, StageTrainer, "_generate_single_turn", see)
    first = []
    for name, off in (("on", False), ("off", True)):
        recipe = grpo_recipe(
            qwen2_5_vl,
            rl_data,
            tmp_path / name,
            rewards=[own_reward("vowels")],
            max_steps=1,
            disable_gradient_checkpointing=off,
            use_reentrant_gc=reentrant,
        )
        run_exp(recipe)
        line = json.loads((tmp_path / name / "grpo_log.jsonl").read_text().splitlines()[0])
        first.append({key: line[key] for key in ("grad_norm", "reward", "entropy")})
        if name == "on":
            assert set(modes) == {reentrant}
            assert widths[1:8] == [1] * 7
            modes.clear()
    assert not modes
    assert first[0] == pytest.approx(first[1], rel=1e-5)
