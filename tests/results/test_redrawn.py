"""Faces drawn again: only who looks, and answers by what is seen, has a score."""

from functools import cache

import pytest

from tag_plugin.data.synthetic.face_id import edit_of
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.results.redrawn import REDRAWN_METRICS, redrawn_estimates
from tag_plugin.scoring.record import AnsweredSample, JudgedSample
from tag_plugin.scoring.score import DEFAULT_JUDGE
from tests import redrawn_answers
from tests.redrawn_answers import answer_of, by_label, guessed, looks, present, redrawn_rows

FACES = 30
QUICK = 200


@cache
def rows():
    return redrawn_rows(FACES)


def judged(row, completion: str) -> JudgedSample:
    return AnsweredSample(
        id=row.id,
        task="tag_synth_redrawn",
        dataset=row.dataset,
        image=f"/{row.image}",
        label_set=row.label_set,
        gold=row.label,
        style="grounded",
        frame=BoxFrame.RELATIVE,
        completion=completion,
        detections=row.detections,
        thresholds=row.detector.thresholds,
    ).judged(DEFAULT_JUDGE)


@cache
def measured(policy) -> dict[str, float]:
    samples = [judged(row, answer_of(row, policy)) for row in rows()]
    return {name: each.value for name, each in redrawn_estimates(samples, QUICK).items()}


def silent(row, dice):
    return [], row.label


def names_every_au_it_may(row, dice):
    return (1, 4, 6, 9, 12, 15, 20, 25), row.label


def the_same_trace(row, dice):
    return (4, 15), "sadness"


def rolls_dice(row, dice):
    label = guessed(row, dice, accuracy=0.0)
    return redrawn_answers.noisy(by_label(label), dice, recall=0.5, foreign=0.2), label


def always_right_and_explains(row, dice):
    return by_label(row.label), row.label


def ignores_the_edit(row, dice):
    """Looks at the face as it was before the edit: everything but the AU in question."""
    edit = edit_of(row.id)
    aus = set(present(row)) - ({edit.au} if edit and edit.added else set())
    return aus | ({edit.au} if edit and not edit.added else set()), row.label


# policy: lowest and highest score, by hand
SCORES = {
    looks: (0.99, 1.0),
    redrawn_answers.looks_badly: (0.35, 0.8),
    redrawn_answers.explains: (0.0, 0.0),
    redrawn_answers.explains_in_varied_words: (0.0, 0.15),
    redrawn_answers.sees_aus_and_answers_the_same: (0.0, 0.0),
    always_right_and_explains: (0.0, 0.0),
    ignores_the_edit: (0.0, 0.0),
    silent: (0.0, 0.0),
    names_every_au_it_may: (0.0, 0.0),
    the_same_trace: (0.0, 0.0),
    rolls_dice: (0.0, 0.15),
}


@pytest.mark.parametrize("policy", SCORES, ids=lambda policy: policy.__name__)
def test_only_who_looks_has_a_score(policy):
    low, high = SCORES[policy]
    assert low <= measured(policy)["redrawn_score"] <= high


def test_each_step_of_a_model_that_looks_is_whole():
    assert measured(looks) == dict.fromkeys(REDRAWN_METRICS, 1.0)


def test_the_claims_of_who_explains_follow_the_answer_and_not_the_picture():
    explained = measured(redrawn_answers.explains)
    assert explained["followed_same"] == 0.0 < 0.3 < explained["followed_other"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (the_same_trace, {"others_kept": 1.0, "answer_moved": 0.0, "answer_kept": 1.0}),
        (always_right_and_explains, {"answer_moved": 1.0, "answer_kept": 1.0}),
        (silent, {"claim_appeared": 0.0, "others_kept": 1.0, "answer_moved": 1.0}),
        (names_every_au_it_may, {"claim_vanished": 0.0, "claim_appeared": 0.0}),
        (ignores_the_edit, {"claim_vanished": 0.0, "claim_appeared": 0.0, "others_kept": 1.0}),
    ],
)
def test_a_step_alone_can_be_had_without_looking(policy, expected):
    steps = measured(policy)
    assert {name: steps[name] for name in expected} == expected


def test_where_nothing_was_claimed_nothing_can_vanish():
    assert "claim_vanished" not in measured(silent)


def test_faces_that_were_not_drawn_again_have_none_of_these_numbers():
    only_faces = [judged(row, answer_of(row, looks)) for row in rows() if not edit_of(row.id)]
    assert redrawn_estimates(only_faces) == {}


def test_both_drawings_of_a_face_are_drawn_together():
    samples = [judged(row, answer_of(row, redrawn_answers.looks_badly)) for row in rows()]
    first = redrawn_estimates(samples, QUICK)
    assert redrawn_estimates(samples[::-1], QUICK) == first
    for name, each in first.items():
        assert each.low <= each.value <= each.high, name
    assert first["claim_vanished"].high - first["claim_vanished"].low > 0.1
