"""AU boxes from 68 landmarks."""

import numpy as np
import pytest

from tag_plugin.detectors.landmarks68 import landmark_boxes
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, iou
from tests.detectors.face68 import MIRROR, face68

POINTS = face68() / 448
BOXES = landmark_boxes(POINTS)


def share(box):
    low, high = POINTS.min(axis=0) * 1000, POINTS.max(axis=0) * 1000
    return (box.x2 - box.x1) * (box.y2 - box.y1) / float(np.prod(high - low))


def test_every_au_has_a_box_and_none_is_half_a_face():
    assert set(BOXES) == set(ACTION_UNITS)
    shares = {au: share(box) for au, box in BOXES.items()}
    assert max(shares.values()) <= 0.30, shares
    assert np.mean(list(shares.values())) <= 0.18, shares


@pytest.mark.parametrize(
    ("au", "landmarks"),
    [
        (1, (20, 21, 22, 23)),
        (2, (17, 18, 25, 26)),
        (4, (21, 22, 27)),
        (5, (37, 38, 43, 44)),
        (6, (40, 41, 46, 47)),
        (7, (37, 40, 43, 46)),
        (9, (28, 29, 31, 35)),
        (10, (50, 51, 52)),
        (12, (48, 54)),
        (14, (48, 54)),
        (15, (48, 54)),
        (17, (8, 57)),
        (20, (48, 54)),
        (24, (51, 57)),
        (25, (62, 66)),
        (26, (8, 57)),
    ],
)
def test_a_box_holds_the_landmarks_that_the_au_moves(au, landmarks):
    box = BOXES[au]
    for x, y in POINTS[list(landmarks)] * 1000:
        assert box.x1 <= x <= box.x2
        assert box.y1 <= y <= box.y2


@pytest.mark.parametrize(
    ("upper", "lower"), [(2, 5), (1, 6), (5, 10), (4, 12), (9, 17), (6, 15), (10, 26)]
)
def test_boxes_stand_in_the_order_of_the_face(upper, lower):
    def middle(box):
        return box.y1 + box.y2

    assert middle(BOXES[upper]) < middle(BOXES[lower])


def test_a_mirrored_face_has_mirrored_boxes():
    mirrored = POINTS[MIRROR] * (-1, 1) + (1, 0)
    for au, box in landmark_boxes(mirrored).items():
        assert iou(Box(1000 - box.x2, box.y1, 1000 - box.x1, box.y2), BOXES[au]) >= 0.95


def test_a_region_outside_the_frame_has_no_box():
    low = POINTS + (0, 0.5)  # the chin lies below the picture
    assert 17 not in landmark_boxes(low)
    assert 1 in landmark_boxes(low)
