"""Mesh points -> AU boxes."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from tag_plugin.detectors.heads import MESH_POINTS, load_heads
from tag_plugin.detectors.motions import MOTIONS, motion
from tag_plugin.detectors.regions import region_boxes, regions
from tag_plugin.facs.action_units import ACTION_UNITS


def mesh(x=(0.2, 0.8), y=(0.1, 0.9)):
    """A mesh whose every region spans the whole rectangle."""
    points = np.full((MESH_POINTS, 2), (x[0], y[0]))
    points[1::2] = (x[1], y[1])
    return points


def test_every_action_unit_has_a_region_of_known_mesh_points():
    assert set(regions()) == set(ACTION_UNITS)
    for points in regions().values():
        assert points.size >= 10
        assert points.min() >= 0
        assert points.max() < MESH_POINTS


def test_regions_lie_on_both_sides_of_the_face():
    # Mesh points 33 / 263 are the outer eye corners, 61 / 291 the mouth corners.
    assert {61, 291} <= set(regions()[12].tolist())
    assert {30, 260} <= set(regions()[5].tolist())


HEADS, _ = load_heads()
REFERENCE, MIRROR = np.array(HEADS.reference), np.array(HEADS.mirror)
FACE = REFERENCE[:, :2] * 0.3 + 0.5


def inside(points, box):
    low, high = np.array(box.as_tuple()[:2]), np.array(box.as_tuple()[2:])
    return ((points * 1000 >= low - 1) & (points * 1000 <= high + 1)).all(axis=1)


def shares():
    hull = ConvexHull(FACE * 1000).volume
    boxes = {au: box.as_tuple() for au, box in region_boxes(FACE).items()}
    return {au: (x2 - x1) * (y2 - y1) / hull for au, (x1, y1, x2, y2) in boxes.items()}


def test_a_box_is_a_small_part_of_the_face():
    assert np.mean(list(shares().values())) <= 0.18
    assert max(shares().values()) <= 0.30


@pytest.mark.parametrize("au", MOTIONS)
def test_a_box_holds_what_its_au_moves(au):
    far = np.linalg.norm(motion(au, 0.06, REFERENCE, MIRROR), axis=1)
    assert inside(FACE[far >= far.max() / 2], region_boxes(FACE)[au]).mean() >= 0.8


@pytest.mark.parametrize("au", regions())
def test_the_box_of_one_side_lies_on_that_side_of_the_joined_one(au):
    both = region_boxes(FACE)[au].as_tuple()
    right = region_boxes(FACE, {au: "right"})[au].as_tuple()
    left = region_boxes(FACE, {au: "left"})[au].as_tuple()
    assert (right[0], left[2]) == pytest.approx((both[0], both[2]), abs=25)
    assert right[0] + right[2] < left[0] + left[2]  # the person's right is on the left
    assert right[2] - right[0] < 0.62 * (both[2] - both[0])


def test_an_action_units_box_follows_its_own_points_only():
    before = region_boxes(mesh())
    moved = mesh()
    moved[regions()[17]] += 0.05
    changed = {au for au, box in region_boxes(moved).items() if box != before[au]}
    assert 17 in changed
    assert changed.isdisjoint({1, 2, 4, 5, 7})


def test_a_box_spans_its_region_with_a_margin():
    assert region_boxes(mesh())[4].as_tuple() == (176, 68, 824, 932)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ((-0.5, 0.5), (0.2, 0.6), (0, 184, 540, 616)),  # cut off at the left
        ((0.4, 1.5), (0.8, 1.3), (356, 780, 1000, 1000)),  # at the right and below
        ((1.2, 1.4), (0.2, 0.6), None),  # outside
        ((0.3, 0.5), (-0.6, -0.1), None),  # above
    ],
)
def test_a_region_is_clipped_to_the_frame_or_dropped(x, y, expected):
    box = region_boxes(mesh(x, y)).get(1)
    assert (box.as_tuple() if box else None) == expected
