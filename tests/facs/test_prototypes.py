import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection
from tag_plugin.facs.emotions import EMOTIONS
from tag_plugin.facs.prototypes import (
    ONE_SIDED,
    OWN_WEIGHT,
    PROTOTYPES,
    consistency,
    prototype_similarity,
    supports,
)
from tests.strategies import ACTION_UNIT_IDS


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_prototype_itself_supports_its_emotion_best(emotion):
    assert consistency(set(PROTOTYPES[emotion]), emotion, EMOTIONS) == 1.0


@pytest.mark.parametrize(
    ("units", "emotion", "low", "high"),
    [
        ([6, 12], "happiness", 0.9, 1.0),
        ([6, 12], "anger", 0.0, 0.0),
        ([], "neutral", 1.0, 1.0),
        ([], "fear", 0.0, 0.0),
        ([1, 2, 5, 26], "surprise", 1.0, 1.0),
        ([1, 2, 5, 26], "fear", 0.3, 0.9),  # shares AUs, fits less well
    ],
)
def test_consistency_of_known_sets(units, emotion, low, high):
    assert low <= consistency(units, emotion, EMOTIONS) <= high


@given(st.sets(ACTION_UNIT_IDS), st.sampled_from(EMOTIONS))
def test_consistency_is_a_share(units, emotion):
    assert 0 <= consistency(units, emotion, EMOTIONS) <= 1


def on(units):
    """`{au: side}` as detections."""
    return [
        Detection(au=au, probability=0.9, box=Box(9, 9, 99, 99), side=side)
        for au, side in units.items()
    ]


def both(*units):
    return dict.fromkeys(units)


@pytest.mark.parametrize(
    ("units", "emotion", "supported"),
    [
        (both(4, 7), "anger", True),
        (both(4), "anger", True),
        (both(4), "sadness", True),  # as near to it as to anger
        (both(12), "anger", False),  # no AU of anger
        (both(), "anger", False),  # nothing is on
        (both(10), "anger", False),  # few posers of anger showed it: it is disgust's
        (both(17), "anger", False),  # its own, but disgust fits far better
        (both(6, 12), "sadness", False),  # a smile
        (both(1, 4, 15), "sadness", True),
        (both(12), "happiness", True),
        (both(6, 12, 25), "happiness", True),
        (both(1, 2, 5, 26), "surprise", True),
        (both(1, 2, 5, 25, 26), "fear", False),  # surprise
        (both(1, 2, 4, 5, 20, 25), "fear", True),
        (both(1, 2, 5, 25), "fear", True),  # surprise fits a little better
        (both(1), "sadness", True),
        (both(17), "sadness", False),  # disgust's
        (both(25), "surprise", False),  # happiness's
        (both(9, 10), "disgust", True),
        (both(12), "contempt", False),  # a smile: on both sides
        ({12: "left"}, "contempt", True),
        ({14: "right"}, "contempt", True),
        ({14: "right", 4: None}, "contempt", True),
        ({14: "right", 1: None, 2: None, 5: None, 26: None}, "contempt", False),  # surprise
        (both(), "neutral", True),
        (both(22, 27, 11), "neutral", True),  # of no emotion's own
        (both(4), "neutral", False),
        ({12: "left"}, "neutral", False),
        (both(4, 10, 12), "anger", False),  # a smile is no part of it
        (both(1, 4, 12, 15), "sadness", False),
        ({1: None, 4: None, 15: None, 12: "left"}, "sadness", True),  # a corner drawn aside is
        (both(1, 2, 5, 12, 25), "surprise", True),
    ],
)
def test_what_supports_a_label(units, emotion, supported):
    assert supports(on(units), emotion, EMOTIONS) == supported


def test_an_au_that_was_seen_once_on_each_side_is_on_both():
    left, right = on({12: "left"}) + on({12: "right"})
    assert not supports([left, right], "contempt", EMOTIONS)
    assert supports([left], "contempt", EMOTIONS)


def test_only_classes_of_the_label_set_can_fit_better():
    assert not supports(on(both(1, 2, 5, 25, 26)), "fear", ("fear", "surprise"))
    assert supports(on(both(1, 2, 5, 25, 26)), "fear", ("fear", "anger", "neutral"))


UNITS = st.dictionaries(ACTION_UNIT_IDS, st.sampled_from(["left", "right", None]))


@given(UNITS, st.sampled_from(EMOTIONS), st.floats(0, 1), st.floats(0, 1))
def test_a_wider_margin_takes_no_support_away(units, emotion, one, other):
    narrow, wide = sorted((one, other))
    assert supports(on(units), emotion, EMOTIONS, narrow) <= supports(
        on(units), emotion, EMOTIONS, wide
    )


@given(UNITS)
def test_a_face_supports_neutral_or_an_emotion_never_both(units):
    emotions = {each for each in EMOTIONS if supports(on(units), each, EMOTIONS)}
    assert "neutral" not in emotions or emotions == {"neutral"}


@given(UNITS, st.sampled_from([each for each in EMOTIONS if each != "neutral"]))
def test_support_needs_an_own_au_and_no_much_better_rival(units, emotion):
    if supports(on(units), emotion, EMOTIONS, 0.0):
        assert any(PROTOTYPES[emotion].get(au, 0) >= OWN_WEIGHT for au in units)
        rivals = {*EMOTIONS} - {"neutral", *ONE_SIDED}
        best = max(prototype_similarity(units, each) for each in rivals)
        assert prototype_similarity(units, emotion) >= best


@given(st.sampled_from([each for each in EMOTIONS if each != "neutral"]))
def test_the_whole_prototype_supports_its_emotion(emotion):
    side = "left" if emotion in ONE_SIDED else None
    assert supports(on(dict.fromkeys(PROTOTYPES[emotion], side)), emotion, EMOTIONS)
