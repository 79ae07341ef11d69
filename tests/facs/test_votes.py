"""Raters' votes: one against the others, and how far a model's answers are from them."""

from math import log2

import pytest

from tag_plugin.facs.votes import divergence, majority, one_against_the_others


@pytest.mark.parametrize(
    ("votes", "agreeing", "compared"),
    [
        ({"happiness": 10}, 10, 10),
        ({"happiness": 9, "neutral": 1}, 9, 10),  # the single vote counts as none among the others
        ({"neutral": 5, "sadness": 4, "unknown": 1}, 0, 5),  # without a neutral vote: 4 to 4
        ({"neutral": 6, "sadness": 4}, 6, 10),
        ({"neutral": 5, "sadness": 5}, 0, 10),  # without one the other side has the majority
        ({"neutral": 2, "sadness": 2, "fear": 2}, 0, 0),
        ({"neutral": 1}, 0, 0),
    ],
)
def test_one_rater_against_the_majority_of_the_others(votes, agreeing, compared):
    assert one_against_the_others(votes) == (agreeing, compared)


def test_no_votes_have_no_majority():
    assert majority({}) is None


@pytest.mark.parametrize(
    ("answers", "votes", "expected"),
    [
        (["fear", "fear"], {"fear": 10}, 0.0),
        (["fear", "anger"], {"fear": 5, "anger": 5}, 0.0),
        (["fear", None], {"anger": 10}, 1.0),  # unparsable is no choice of anybody's
        (["fear"], {"fear": 5, "anger": 5}, -(0.75 * log2(0.75) + 0.25 * log2(0.25)) - 0.5),
    ],
)
def test_divergence_of_answers_from_votes_by_hand(answers, votes, expected):
    assert divergence(answers, votes) == pytest.approx(expected, abs=1e-12)
