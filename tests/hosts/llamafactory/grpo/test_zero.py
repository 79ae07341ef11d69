"""Two processes under ZeRO-2 and ZeRO-3 do what one process does, also on an uneven mix."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tag_plugin.data.checkpoint_record import read_checkpoint_record
from tag_plugin.hosts.paths import recipes_dir
from tests.hosts.llamafactory import killed_runs
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe

pytestmark = [pytest.mark.host, pytest.mark.slow]

SAME_DRAWS = Path(__file__).with_name("same_draws.py")
SEED = 41  # each process has pictures in one of the two steps, and none in the other
COMPARED = (
    *("reward", "rewards/vowels/mean", "rewards/format/mean", "reward_std", "loss", "grad_norm"),
    *("kl", "entropy", "completions/mean_length", "signal/no_spread", "num_tokens"),
)


def run(model: Path, data: Path, out: Path, processes: int, **settings: Any) -> Path:
    """Two steps of two groups of four completions, whatever the number of processes."""
    recipe = grpo_recipe(
        model,
        data,
        out,
        per_device_train_batch_size=8 // processes,
        max_steps=2,
        dataset="tag_rl,text",
        max_samples=2,
        seed=SEED,
        rewards=[f"{SAME_DRAWS}:vowels", "format"],
        grpo={"beta": 0.1},
        rollout_steps=1,
        **settings,
    )
    codes = killed_runs.run(recipe, processes=processes, TAG_TEST_SAME_DRAWS="1")
    assert codes == [0] * processes, out.with_suffix(".log").read_text(errors="replace")[-3000:]
    return out


def first_step(out: Path) -> dict[str, Any]:
    lines = [json.loads(line) for line in (out / "grpo_log.jsonl").read_text().splitlines()]
    assert [each["step"] for each in lines if "loss" in each] == [1, 2]
    return {name: lines[0][name] for name in COMPARED}


@pytest.fixture(scope="module")
def alone(
    qwen2_5_vl: Path, rl_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    out = run(qwen2_5_vl, rl_data, tmp_path_factory.mktemp("one") / "o", 1)
    found = first_step(out)
    assert found["grad_norm"] > 0.1
    lines = [json.loads(line) for line in (out / "rollouts.jsonl").read_text().splitlines()]
    mix = [bool(each["images"]) for each in lines]
    assert mix == [True] * 4 + [False] * 8 + [True] * 4
    return found


@pytest.mark.parametrize("stage", [2, 3])
def test_two_processes(
    stage: int, alone: dict[str, Any], qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    zero = str(recipes_dir() / f"deepspeed/zero{stage}.json")
    out = run(qwen2_5_vl, rl_data, tmp_path / "o", 2, deepspeed=zero)
    assert first_step(out) == pytest.approx(alone, rel=1e-3, abs=1e-5)
    assert read_checkpoint_record(out) is not None
    before, after = (load_file(each / "model.safetensors") for each in (qwen2_5_vl, out))
    after.pop("lm_head.weight", None)  # tied to the embeddings; DeepSpeed writes it once more
    assert {name: each.shape for name, each in after.items()} == {
        name: each.shape for name, each in before.items()
    }
    assert any(not each.equal(before[name]) for name, each in after.items())
