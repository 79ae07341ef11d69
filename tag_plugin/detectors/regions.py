"""Where each AU shows: vertex sets of the MediaPipe 478-point face mesh, and their boxes.

`au_regions_mp478.json` holds the published sets, taken from cosanlab/py-feat (MIT licence,
feat/resources/au_region_map.json). They follow the muscles, so three of them miss the place where
the movement is seen and which a trace names: `_ADDED` brings it in. The file has no set for four
AUs of our table, and one of its sets lies elsewhere: `_DERIVED` stands in.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.detectors.base import boxes_in_frame
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box

MESH_POINTS = 478
"""Points of the face mesh, irises included."""

MARGIN = 0.04
"""A box is widened by this share of its side at each end: skin moves beyond the outermost point."""

_UPPER_LIP = (0, 37, 39, 40, 61, 185, 267, 269, 270, 291, 409)
_LOWER_LIP = (17, 84, 91, 146, 181, 314, 321, 375, 405)
_LIPS = _UPPER_LIP + _LOWER_LIP
_CORNERS = (61, 291)
_CHEEKS_BESIDE_THE_CORNERS = (57, 186, 212, 287, 410, 432)
_CHIN_BORDER = (148, 149, 150, 152, 169, 176, 377, 378, 379, 394, 400)

_ADDED: Final[Mapping[int, tuple[int, ...]]] = {
    10: _UPPER_LIP,  # published: beside the nose alone, where the muscle lies
    12: _CORNERS,  # published: the cheeks above the corners that are pulled up
    26: _CHIN_BORDER,  # published: the sides of the jaw without the chin that drops
}
_DERIVED: Final[Mapping[int, tuple[int, ...]]] = {
    20: _LIPS + _CHEEKS_BESIDE_THE_CORNERS,  # published: the border of the chin (platysma)
    22: _LIPS,  # funneled along the whole outline
    23: _LIPS,  # tightened along the whole outline
    25: _LIPS,  # parted
    27: _LIPS + _CHIN_BORDER,  # the mouth stretched open, down to the dropped chin
}


@cache
def regions() -> Mapping[int, NDArray[np.intp]]:
    """AU id -> indices of its mesh points, both sides of the face together."""
    text = files("tag_plugin.detectors").joinpath("au_regions_mp478.json").read_text("utf-8")
    published = json.loads(text)["regions"]
    return {
        au: np.array(_DERIVED.get(au) or [*published[f"AU{au:02}"], *_ADDED.get(au, ())], np.intp)
        for au in ACTION_UNITS
    }


def region_boxes(points: NDArray[np.float64]) -> dict[int, Box]:
    """The box of every AU's region, clipped to the frame.

    Args:
        points: the face mesh, (478, 2) as x, y in shares of the face frame (0..1, beyond it
            where the face is cut off).

    Returns:
        AU id -> the bounding box of its region with a margin; a region outside the frame is
        left out.
    """
    indices, starts = _concatenated()
    low = np.minimum.reduceat(points[indices], starts)
    high = np.maximum.reduceat(points[indices], starts)
    margin = MARGIN * (high - low)
    return boxes_in_frame(regions(), np.concatenate([low - margin, high + margin], axis=1))


@cache
def _concatenated() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All regions' points in a row, and where each region begins."""
    sizes = [points.size for points in regions().values()]
    return np.concatenate(list(regions().values())), np.cumsum([0, *sizes[:-1]], dtype=np.intp)
