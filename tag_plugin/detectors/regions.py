"""Where each AU shows: bands of the MediaPipe 478-point face mesh, and their boxes.

A band holds the points that the AU moves (see `detectors.motions`) and little more: the place that
a trace names and a reader looks at. The published sets of cosanlab/py-feat, which were used before,
follow the muscles and cover up to half of the face. One box an AU joins both sides, as in the
paper; an AU of one side has that side's box.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.detectors.base import boxes_in_frame
from tag_plugin.detectors.heads import load_heads
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Side

MARGIN = 0.04
"""A box is widened by this share of its side at each end: skin moves beyond the outermost point."""

_UPPER_LID = (27, 28, 29, 30, 33, 56, 133, 157, 158, 159, 160, 161, 173, 190, 246, 247)
_EYE_OPENING = (7, 22, 23, 24, 27, 29, 33, 110, 133, 144, 145, 153, 154, 155, 157, 158, 159, 160)
_LIPS = (0, 13, 14, 17, 37, 39, 40, 61, 84, 91, 146, 181, 185)
_CHIN = (18, 32, 83, 140, 148, 149, 152, 171, 175, 176, 199, 200, 201, 208)
_BESIDE_CORNER = (43, 57, 61, 146, 185, 186, 202, 212)

_RIGHT: Final[Mapping[int, tuple[int, ...]]] = {
    1: (9, 52, 55, 65, 66, 69, 104, 105, 107, 108),
    2: (46, 52, 53, 63, 68, 70, 104, 105),
    4: (8, 9, 46, 52, 53, 55, 63, 65, 66, 70, 105, 107, 168, 193),
    5: _UPPER_LID,
    6: (36, 50, 100, 101, 117, 118, 119, 205, 228),
    7: (*_EYE_OPENING, 161, 163, 173, 246),
    9: (5, 6, 8, 48, 49, 64, 65, 98, 102, 115, 122, 129, 131, 168, 189, 193, 195, 197, 220),
    10: (*(0, 2, 13, 37, 39, 40, 48, 61, 64, 82, 92, 97, 98), *(129, 164, 165, 167, 185, 203, 206)),
    11: (36, 92, 129, 186, 203, 206, 207, 216),
    12: (40, 43, 57, 61, 78, 91, 92, 95, 146, 185, 186, 191, 206, 212, 216),
    14: (*_BESIDE_CORNER, 214, 216),
    15: (*_BESIDE_CORNER, 78, 91, 106, 204),
    17: (*_CHIN, 14, 17, 84, 87, 106, 181, 182, 194, 204),
    20: (*_LIPS, 43, 57, 186, 212),
    22: _LIPS,
    23: _LIPS,
    24: _LIPS,
    25: _LIPS,
    26: (*_CHIN, 14, 17, 61, 84, 87, 91, 106, 181, 182, 194, 204),
    27: (*_LIPS, *_CHIN),
}
"""The points of the person's right half and of the middle."""


@cache
def regions(side: Side | None = None) -> Mapping[int, NDArray[np.intp]]:
    """AU id -> indices of its mesh points, of both sides of the face or of the person's one."""
    mirror = np.array(load_heads()[0].mirror)
    halves = {au: (np.array(_RIGHT[au]), mirror[list(_RIGHT[au])]) for au in ACTION_UNITS}
    if side is not None:
        return {au: np.unique(halves[au][side == "left"]) for au in ACTION_UNITS}
    return {au: np.union1d(*halves[au]) for au in ACTION_UNITS}


def region_boxes(
    points: NDArray[np.float64], sides: Mapping[int, Side] | None = None
) -> dict[int, Box]:
    """The box of every AU's region, clipped to the frame.

    Args:
        points: the face mesh, (478, 2) as x, y in shares of the face frame (0..1, beyond it
            where the face is cut off).
        sides: AUs that are seen on one side only.

    Returns:
        AU id -> the bounding box of its region with a margin; a region outside the frame is
        left out.
    """
    indices, starts = _concatenated()
    low = np.minimum.reduceat(points[indices], starts)
    high = np.maximum.reduceat(points[indices], starts)
    for au, side in (sides or {}).items():
        own, place = points[regions(side)[au]], list(ACTION_UNITS).index(au)
        low[place], high[place] = own.min(axis=0), own.max(axis=0)
    margin = MARGIN * (high - low)
    return boxes_in_frame(regions(), np.concatenate([low - margin, high + margin], axis=1))


@cache
def _concatenated() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All regions' points in a row, and where each region begins."""
    sizes = [points.size for points in regions().values()]
    return np.concatenate(list(regions().values())), np.cumsum([0, *sizes[:-1]], dtype=np.intp)
