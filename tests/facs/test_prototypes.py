import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.facs.emotions import EMOTIONS
from tag_plugin.facs.prototypes import PROTOTYPES, consistency
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
