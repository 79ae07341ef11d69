"""Rewards that are normalised one by one before they are summed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from llamafactory.train.tuner import run_exp

from tag_plugin.hosts.llamafactory.grpo.advantages import NORMALIZE_FIRST, normalized_sum
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.settings import check_settings
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward

NAN = float("nan")


def advantages(rewards: list[list[float]], weights: list[float], group: int) -> list[float]:
    found = normalized_sum(torch.tensor(rewards).double(), torch.tensor(weights), group)
    assert not found.isnan().any()
    return found.tolist()


@pytest.mark.parametrize(
    ("rewards", "weights", "order"),
    [
        # a reward a hundred times wider does not drown the other one: 1 and 2 are as good
        ([[100, 0], [0, 1], [0, 0], [0, 0]], [1, 1], [1, 1, -1, -1]),
        # weights decide between them
        ([[100, 0], [0, 1], [0, 0], [0, 0]], [1, 2], [0, 1, -1, -1]),
        # a reward that does not apply adds nothing
        ([[1, NAN], [0, NAN], [1, NAN], [0, NAN]], [1, 1], [1, -1, 1, -1]),
        # nothing to learn from
        ([[0.3, 1], [0.3, 1], [0.3, 1], [0.3, 1]], [1, 1], [0, 0, 0, 0]),
    ],
)
def test_each_reward_is_heard(rewards, weights, order):
    found = np.array(advantages(rewards, weights, group=4))
    for one in range(4):
        for two in range(4):
            assert np.sign(round(found[one] - found[two], 2)) == np.sign(order[one] - order[two])


@given(arrays(float, (12, 2), elements=st.floats(0, 1, width=16)), st.floats(0.01, 100))
def test_the_scale_of_a_reward_does_not_matter(rewards, factor):
    rewards[:, 0] = np.round(rewards[:, 0], 1)
    scaled = rewards * [1.0, 1.0]
    spread = np.ptp(rewards[:, 0].reshape(3, 4), axis=1)
    if (spread[spread > 0] * min(factor, 1) < 0.05).any() or not spread.any():
        return  # TRL's epsilon in the divisor would tell
    scaled[:, 0] *= factor
    one, two = (advantages(each.tolist(), [1.0, 0.0], 4) for each in (rewards, scaled))
    assert one == pytest.approx(two, abs=0.01)


def test_only_known_ways_are_taken():
    assert check_settings({"multi_objective_aggregation": NORMALIZE_FIRST})
    with pytest.raises(GrpoError, match="sum_then_normalize, normalize_then_sum"):
        check_settings({"multi_objective_aggregation": "gdpo"})


@pytest.mark.host
def test_a_run_learns_from_them(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    recipe = grpo_recipe(
        *(qwen2_5_vl, rl_data, tmp_path / "o"),
        grpo={"multi_objective_aggregation": NORMALIZE_FIRST},
        rewards=[own_reward("vowels", weight=5.0), own_reward("short")],
        max_steps=1,
        rollout_steps=1,
    )
    run_exp(recipe)
    lines = map(json.loads, (tmp_path / "o/rollouts.jsonl").read_text().splitlines())
    written = [(*line["rewards"].values(), line["advantage"]) for line in lines]
    rewards = [list(line[:2]) for line in written]
    assert [line[2] for line in written] == pytest.approx(
        advantages(rewards, [5.0, 1.0], group=4), abs=1e-4
    )
