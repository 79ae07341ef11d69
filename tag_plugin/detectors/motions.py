"""How FACS says that each AU moves the face, as displacements of the frontal mesh.

A head that was fitted on expression labels may learn what goes along with an AU instead of the AU
(shouting for anger). These motions are what it is held to: the AU's own motion must raise its
score, and the motions of `MUST_NOT_RAISE` must not. Source: Ekman, Friesen and Hager, *Facial
Action Coding System: The Manual*, 2002, the appearance changes of each AU.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

_INNER, _MIDDLE, _OUTER = (107, 66, 55, 65), (105, 52), (63, 53, 70, 46)
_UPPER_LID, _LOWER_LID = (159, 158, 160, 161, 157), (145, 144, 153, 163, 154)
_CHEEK = (50, 101, 36, 205, 117, 118, 119, 100)
_NOSTRIL = (64, 98, 48, 115, 220, 49, 129, 102)
_UPPER_LIP, _LOWER_LIP = (0, 37, 39, 40, 13, 82, 81, 80), (17, 84, 181, 91, 14, 87, 178, 88)
_LIP_TOP, _LIP_BOTTOM = (0, 37, 39, 40), (17, 84, 181, 91)
_CORNER = (61, 185, 146, 191, 95, 78, 57)
_CHIN = (152, 148, 176, 149, 175, 199, 200, 18, 83, 182, 201, 208, 32, 171, 140, 194, 204, 106)

Move = tuple[tuple[int, ...], float, float]
"""Points of the person's right half, how far they go towards the middle, and how far down."""

MOTIONS: Final[Mapping[int, tuple[Move, ...]]] = {
    1: ((_INNER, 0, -0.06), (_MIDDLE, 0, -0.03)),
    2: ((_OUTER, 0, -0.05), (_MIDDLE, 0, -0.04)),
    4: ((_INNER, 0.02, 0.05), (_MIDDLE, 0.015, 0.04), (_OUTER, 0.01, 0.02)),
    5: ((_UPPER_LID, 0, -0.03),),
    6: ((_CHEEK, 0, -0.04), (_LOWER_LID, 0, -0.015)),
    7: ((_UPPER_LID, 0, 0.01), (_LOWER_LID, 0, -0.02)),
    9: ((_NOSTRIL, 0, -0.04), (_INNER, 0.01, 0.03)),
    10: ((_UPPER_LIP, 0, -0.04), (_NOSTRIL, 0, -0.015)),
    12: ((_CORNER, -0.06, -0.05),),
    15: ((_CORNER, 0, 0.05),),
    17: ((_CHIN, 0, -0.05), (_LOWER_LIP, 0, -0.04)),
    20: ((_CORNER, -0.06, 0.01),),
    23: ((_LIP_TOP, 0, 0.02), (_LIP_BOTTOM, 0, -0.02), (_CORNER, 0.03, 0)),
    24: ((_LIP_TOP, 0, 0.025), (_LIP_BOTTOM, 0, -0.025)),
    25: ((_LOWER_LIP, 0, 0.04),),
    26: ((_CHIN, 0, 0.15), (_LOWER_LIP, 0, 0.12), (_CORNER, 0, 0.04)),
}
"""AU -> its motion, in eye distances; the left half moves as the mirror image."""

MUST_NOT_RAISE: Final[Mapping[int, tuple[int, ...]]] = {
    1: (4,),
    4: (1, 26),
    5: (7,),
    7: (5, 26),
    10: (26,),
    12: (15,),
    15: (12, 26),
}
"""AU -> the AUs whose motions are its opposite, or are often seen with it and are not it."""

SPREADS: Final[Mapping[int, tuple[float, ...]]] = {
    **dict.fromkeys(MOTIONS, (0.0, 0.06, 0.15)),
    **dict.fromkeys((5, 7, 23, 24, 25), (0.0, 0.03)),
}
"""How far skin follows, in eye distances; beside lids and lips others move already."""


def motion(
    au: int, spread: float, reference: NDArray[np.float64], mirror: NDArray[np.intp]
) -> NDArray[np.float64]:
    """The displacement (478, 3) of every point when this AU acts on both sides.

    Args:
        au: one of `MOTIONS`.
        spread: the points around follow with a Gaussian of this width; 0: only its own points move.
        reference: the frontal mesh, (478, 3).
        mirror: for each point the one on the other side.
    """
    moved = np.zeros_like(reference)
    for points, inwards, down in MOTIONS[au]:
        halves = (np.array(points), mirror[list(points)])
        right, left = (_follows(reference, half, spread) for half in halves)
        moved[:, 0] += inwards * (right - left)
        moved[:, 1] += down * np.maximum(right, left)
    return moved


def _follows(
    reference: NDArray[np.float64], points: NDArray[np.intp], spread: float
) -> NDArray[np.float64]:
    """How much each point goes along with these, 0 to 1."""
    apart = np.linalg.norm(reference[:, None, :2] - reference[points, :2], axis=2).min(axis=1)
    follows = np.exp(-((apart / spread) ** 2) / 2) if spread else (apart == 0).astype(float)
    return np.asarray(follows)
