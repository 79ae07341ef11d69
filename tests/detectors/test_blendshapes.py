"""Blendshapes -> AU probabilities: scales, supported AUs, the lip gap."""

import numpy as np
import pytest

from tag_plugin.detectors.blendshapes import LIP_GAP, SUPPORTED, lip_gap, probabilities

PAIRED = (
    "browDown",
    "browOuterUp",
    "eyeWide",
    "eyeSquint",
    "mouthUpperUp",
    "mouthSmile",
    "mouthFrown",
    "mouthStretch",
    "mouthPress",
)
RESTING = {
    **{name + side: 0.0 for name in PAIRED for side in ("Left", "Right")},
    "browInnerUp": 0.0,
    "jawOpen": 0.0,
    "mouthShrugLower": 0.0,
    LIP_GAP: 0.0,
}


def face(**scores):
    return probabilities({**RESTING, **scores})


def test_a_resting_face_shows_nothing():
    assert set(face().values()) == {0.0}


@pytest.mark.parametrize(
    ("scores", "on"),
    [
        ({"browInnerUp": 0.7}, {1}),
        ({"browOuterUpLeft": 0.8, "browOuterUpRight": 0.6}, {2}),
        ({"browDownLeft": 0.5, "browDownRight": 0.6}, {4}),
        ({"eyeWideLeft": 0.2, "eyeWideRight": 0.2}, {5}),  # a small score is a clear raise
        ({"eyeSquintLeft": 0.5, "eyeSquintRight": 0.5}, set()),  # what a glance down scores
        ({"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7}, {12}),
        ({"mouthSmileLeft": 0.5}, set()),  # one side alone: the mean is in the grey band
        ({LIP_GAP: 0.06}, {25}),
        ({"jawOpen": 0.4}, {26}),
        ({"jawOpen": 0.9}, {27}),  # the highest band replaces the one below
        ({"cheekSquintLeft": 1.0, "noseSneerLeft": 1.0, "mouthDimpleLeft": 1.0}, set()),
    ],
)
def test_a_score_switches_its_au_on_and_no_other(scores, on):
    assert {au for au, probability in face(**scores).items() if probability >= 0.5} == on


@pytest.mark.parametrize("au", [6, 9, 11, 14, 22, 23])
def test_aus_without_a_sound_source_are_unsupported(au):
    assert au not in SUPPORTED


@pytest.mark.parametrize("jaw_open", np.linspace(0, 1, 21))
def test_jaw_drop_and_mouth_stretch_exclude_each_other(jaw_open):
    found = face(jawOpen=jaw_open)
    assert not (found[26] > 0.5 and found[27] > 0.5)


def test_probabilities_grow_with_the_score():
    steps = [face(mouthSmileLeft=s, mouthSmileRight=s)[12] for s in np.linspace(0, 1, 50)]
    assert steps == sorted(steps)
    assert steps[-1] == 1.0


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_the_lip_gap_does_not_depend_on_the_size_of_the_face(scale):
    points = np.zeros((478, 3))
    points[13], points[14] = (0.5, 0.60, 0), (0.5, 0.65, 0)
    points[10], points[152] = (0.5, 0.2, 0), (0.5, 0.8, 0.8)  # 1.0 apart, leaning back
    assert lip_gap(points * scale) == pytest.approx(0.05)


def test_a_collapsed_mesh_has_no_lip_gap():
    assert lip_gap(np.zeros((478, 3))) == 0.0
