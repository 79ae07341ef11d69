"""Opinions -> numbers."""

from random import Random

import numpy as np
import pytest

from tag_plugin.preference.judge import Opinion
from tag_plugin.preference.numbers import preference
from tag_plugin.preference.question import read_verdict


def simulated(pairs, strength, position, seed):
    random = Random(seed)
    opinions = []
    for pair in range(pairs):
        for a_first in (True, False):
            odds = strength + (position if a_first else -position)
            for_a = random.random() < 1 / (1 + np.exp(-odds))
            opinions.append(Opinion(str(pair), a_first, "first" if for_a == a_first else "second"))
    return opinions


@pytest.mark.parametrize(("strength", "position"), [(0.8, 0.5), (-0.4, 1.2), (0.0, 0.0)])
def test_a_simulated_judge_is_recovered(strength, position):
    found = preference(simulated(3000, strength, position, 1))
    assert found.strength.value == pytest.approx(strength, abs=0.1)
    assert found.position.value == pytest.approx(position, abs=0.1)
    assert found.strength.low <= strength <= found.strength.high
    assert found.position.low <= position <= found.position.high


def test_a_judge_that_only_looks_at_the_place_prefers_nobody():
    opinions = [Opinion(str(n), first, "first") for n in range(30) for first in (True, False)]
    found = preference(opinions)
    assert found.preference.value == pytest.approx(0.5)
    assert found.first_share.value == 1
    assert found.agreement.value == 0
    assert (found.wins_a, found.split, found.wins_b) == (0, 30, 0)


def test_a_and_b_are_treated_alike():
    opinions = simulated(200, 0.7, 0.3, 2)
    swapped = [Opinion(o.pair, not o.a_first, o.side) for o in opinions]
    one, two = preference(opinions), preference(swapped)
    assert one.strength.value == pytest.approx(-two.strength.value)
    assert one.position.value == pytest.approx(two.position.value)
    assert (one.wins_a, one.wins_b) == (two.wins_b, two.wins_a)


def test_a_one_sided_study_is_not_certain():
    found = preference(
        [
            Opinion(str(n), first, "first" if first else "second")
            for n in range(20)
            for first in (True, False)
        ]
    )
    assert (found.wins_a, found.agreement.value) == (20, 1.0)
    for each in (found.preference, found.strength, found.position, found.agreement):
        assert each.low < each.high
    assert found.preference.low < 0.9
    assert found.agreement.low < 0.9


def test_ties_and_nothing_at_all():
    ties = preference([Opinion("a", True, "tie"), Opinion("a", False, "tie")])
    assert (ties.ties, ties.split, ties.first_share) == (2, 1, None)
    assert ties.preference.value == pytest.approx(0.5)
    nothing = preference([Opinion("a", True, None)])
    assert (nothing.unreadable, nothing.preference) == (1, None)


@pytest.mark.parametrize(
    ("reply", "side"),
    [
        ("so <verdict>1</verdict>", "first"),
        ("<VERDICT> 2 </VERDICT>", "second"),
        ("<verdict>tie</verdict> <verdict>Tie</verdict>", "tie"),
        ("<verdict>1</verdict> no, <verdict>2</verdict>", None),
        ("<verdict>3</verdict>", None),
        ("1", None),
        ("", None),
    ],
)
def test_verdicts_are_read_or_not_at_all(reply, side):
    assert read_verdict(reply) == side
