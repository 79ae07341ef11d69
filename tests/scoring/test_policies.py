"""Simulated models on drawn faces: who looks is told from who does not, in both questions."""

import pytest

from benchmarks.metric_policies import BLIND, BY_ANSWER, HONEST, RIGHT_UNITS, WEAK, drawn, measured


@pytest.fixture(scope="module")
def found():
    """Policy -> metric -> value; 0 where it has no pair of boxes to be measured by."""
    numbers = measured(drawn("train", 150), drawn("test", 100), resamples=20)
    return {name: {m: each.value for m, each in got.items()} for name, got in numbers.items()}


@pytest.mark.parametrize("question", ["au_kappa", "box_skill"])
def test_who_looks_well_is_above_who_looks_badly_and_both_above_who_does_not_look(found, question):
    """Faces are drawn after their emotion, so that a right answer alone tells most of their AUs."""
    blind = max(found[name].get(question, 0.0) for name in BLIND if name != BY_ANSWER)
    assert found[HONEST][question] > found[WEAK][question] + 0.05
    assert found[WEAK][question] > blind + 0.05


def test_what_the_answer_alone_tells_stands_beside_which(found):
    alone = found[BY_ANSWER]["au_kappa"]
    assert {round(got["kappa_by_answer"], 9) for got in found.values()} == {round(alone, 9)}
    assert found[HONEST]["au_kappa"] > alone > found[WEAK]["au_kappa"]


def test_right_aus_at_mean_boxes_know_which_and_not_where(found):
    told = found[RIGHT_UNITS]
    assert told["au_kappa"] > found[HONEST]["au_kappa"]
    assert told["box_skill"] == pytest.approx(0.0, abs=1e-9)
    assert told["right_reason"] == 0.0


def test_being_right_for_the_right_reason_takes_looking(found):
    assert found[HONEST]["right_reason"] > 0.5
    assert max(found[name].get("right_reason", 0.0) for name in BLIND) < 0.1


def test_all_policies_answer_alike(found):
    assert len({got["accuracy"] for got in found.values()}) == 1
