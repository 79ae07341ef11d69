"""Where each AU shows on 68 landmarks, and its box: the counterpart of `regions` for a mesh.

The landmarks are numbered as in iBUG's 300-W, which OpenFace and py-feat write: 0-16 the jaw, 17-26
the brows, 27-35 the nose, 36-47 the eyes, 48-59 the outer and 60-67 the inner lips. They have no
point on the forehead or the cheeks, so a region is the box of some landmarks, widened towards the
skin that moves. The widening is in shares of the distance between the outer corners of the eyes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.detectors.base import boxes_in_frame
from tag_plugin.facs.boxes import Box

LANDMARKS: Final = 68
_OUTER_CORNERS: Final = (36, 45)
_MOUTH: Final = tuple(range(48, 60))


@dataclass(frozen=True, slots=True)
class _Region:
    """Landmarks, and how far their box is widened at both sides, above and below."""

    points: tuple[int, ...]
    aside: float = 0.05
    above: float = 0.05
    below: float = 0.05


_REGIONS: Final[Mapping[int, _Region]] = {
    1: _Region((19, 20, 21, 22, 23, 24), above=0.15),
    2: _Region((17, 18, 19, 24, 25, 26), above=0.12),
    4: _Region((17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27)),
    5: _Region((36, 37, 38, 39, 42, 43, 44, 45), above=0.12, below=0.02),
    6: _Region((40, 41, 46, 47, 36, 45, 30), below=0.0),
    7: _Region(tuple(range(36, 48)), above=0.06, below=0.1),
    9: _Region((27, 28, 29, 30, 31, 33, 35), aside=0.12, above=0.02, below=0.02),
    10: _Region((31, 33, 35, 48, 49, 50, 51, 52, 53, 54)),
    11: _Region((31, 35, 48, 54), aside=0.08),
    12: _Region(_MOUTH, aside=0.15, above=0.15, below=0.0),
    14: _Region((48, 54, 60, 64), aside=0.15, above=0.12, below=0.12),
    15: _Region((48, 54, 55, 57, 59), aside=0.08, above=0.02, below=0.12),
    17: _Region((56, 57, 58, 7, 8, 9), aside=0.1, above=0.02, below=0.0),
    20: _Region(_MOUTH, aside=0.15),
    22: _Region(_MOUTH),
    23: _Region(_MOUTH),
    24: _Region(_MOUTH),
    25: _Region(_MOUTH),
    26: _Region((48, 54, 57, 7, 8, 9), above=0.02, below=0.0),
    27: _Region((*_MOUTH, 7, 8, 9), below=0.0),
}

# The same in arrays: all regions' landmarks in a row, where each begins, and how it is widened.
_INDICES: Final = np.concatenate([region.points for region in _REGIONS.values()])
_STARTS: Final = np.cumsum([0, *(len(region.points) for region in _REGIONS.values())])[:-1]
_BEFORE: Final = np.array([(region.aside, region.above) for region in _REGIONS.values()])
_BEHIND: Final = np.array([(region.aside, region.below) for region in _REGIONS.values()])


def landmark_boxes(points: NDArray[np.float64]) -> dict[int, Box]:
    """The box of every AU's region, clipped to the frame.

    Args:
        points: (68, 2) as x, y in shares of the face frame.

    Returns:
        AU id -> its box; a region outside the frame is left out.
    """
    left, right = points[list(_OUTER_CORNERS)]
    unit = float(np.hypot(*(right - left)))
    low = np.minimum.reduceat(points[_INDICES], _STARTS) - _BEFORE * unit
    high = np.maximum.reduceat(points[_INDICES], _STARTS) + _BEHIND * unit
    return boxes_in_frame(_REGIONS, np.concatenate([low, high], axis=1))
