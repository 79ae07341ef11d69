"""Which groups teach nothing, and why."""

import numpy as np
import pytest

from tag_plugin.hosts.llamafactory.grpo.group_signal import GroupSignal

NAN = float("nan")
SIGNAL = GroupSignal(names=("answer", "grounding"), weights=(1.0, 0.5), group=2, epsilon=1e-4)


@pytest.mark.parametrize(
    ("rewards", "parsable", "expected"),
    [
        # one group of two completions: (answer, grounding) each
        (
            [(1, 1), (0, 1)],
            [1, 1],
            {"no_spread": 0, "no_spread/answer": 0, "no_spread/grounding": 1},
        ),
        ([(1, 1), (1, 1)], [1, 1], {"no_spread": 1, "all_right": 1}),
        ([(0, 0), (0, 0)], [1, 1], {"no_spread": 1, "all_wrong": 1}),
        ([(0, 0), (0, 0)], [0, 0], {"no_spread": 1, "all_unparsable": 1, "all_wrong": 0}),
        ([(0, 0), (0, 0)], [0, 1], {"no_spread": 1, "all_unparsable": 0, "all_wrong": 1}),
        ([(0, 0.4), (0, 0.4)], [1, 1], {"no_spread": 1, "all_equal": 1}),
        ([(0, 0.4), (0, 0.40001)], [1, 1], {"no_spread": 1, "no_spread/grounding": 1}),
        # equal totals of different parts: nothing to learn from the sum
        ([(0.5, 0), (0, 1)], [1, 1], {"no_spread": 1, "no_spread/answer": 0, "all_equal": 1}),
        # a part that does not apply counts neither as right nor as wrong
        ([(1, NAN), (1, NAN)], [1, 1], {"no_spread": 1, "all_right": 1}),
        # two groups, one of them silent
        ([(1, 1), (1, 1), (1, 0), (0, 0)], [1] * 4, {"no_spread": 0.5, "all_right": 0.5}),
        ([(0, 0), (0, 0)], None, {"all_wrong": 1, "all_unparsable": 0}),
    ],
)
def test_signal(rewards, parsable, expected):
    known = None if parsable is None else np.array(parsable, dtype=float)
    found = SIGNAL.measure(np.array(rewards, dtype=float), known)
    assert {name: found[f"signal/{name}"] for name in expected} == expected


def test_share_applicable():
    found = SIGNAL.measure(np.array([(1, NAN), (1, NAN), (0, 1), (1, 1.0)]), None)
    assert found["rewards/answer/applicable"] == 1
    assert found["rewards/grounding/applicable"] == 0.5
    assert found["signal/no_spread/grounding"] == 1  # of the groups where it applies
    nowhere = SIGNAL.measure(np.array([(1, NAN), (0, NAN)]), None)
    assert "signal/no_spread/grounding" not in nowhere


def test_the_reasons_of_silent_groups_add_up():
    rng = np.random.default_rng(0)
    rewards = rng.integers(0, 2, size=(200, 2)).astype(float)
    found = SIGNAL.measure(rewards, rng.integers(0, 2, size=200).astype(float))
    reasons = ("all_unparsable", "all_right", "all_wrong", "all_equal")
    total = sum(found[f"signal/{name}"] for name in reasons)
    assert total == pytest.approx(found["signal/no_spread"])
