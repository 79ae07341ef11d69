"""How each AU's head is fitted: its region of the mesh, its threshold, how neutral faces weigh."""

from collections.abc import Mapping
from typing import Final, NamedTuple

_BROWS = (
    *(46, 52, 53, 55, 63, 65, 66, 70, 105, 107, 8, 9, 168, 6, 122, 193, 189, 221, 222, 223),
    *(28, 27, 56),
)
_EYES = (
    *(7, 22, 23, 24, 27, 33, 110, 133, 144, 145, 153, 154, 155, 157, 158, 159, 160, 161, 163),
    *(173, 230, 246, 252, 253, 254, 257, 339, 348, 468, 469, 470, 471, 472, 450, 119),
)
_CHEEKS = (
    *(31, 36, 50, 100, 101, 111, 116, 117, 118, 119, 120, 123, 205, 228, 229, 230, 231, 345),
)
_NOSE = (
    *(1, 2, 4, 5, 6, 8, 9, 45, 48, 49, 55, 64, 98, 102, 115, 122, 129, 131, 168, 189, 193, 195),
    *(196, 197, 203, 206, 220),
)
_ABOVE_LIP = (0, 13, 37, 39, 40, 61, 92, 164, 165, 167, 185)
_MOUTH = (
    *(0, 13, 14, 17, 18, 37, 39, 40, 43, 57, 61, 78, 80, 81, 82, 83, 84, 87, 88, 91, 92, 95, 106),
    *(146, 164, 165, 167, 178, 181, 182, 185, 186, 191, 202, 204),
)
_CHIN = (32, 140, 148, 149, 150, 152, 169, 170, 171, 175, 176, 199, 200, 201, 208)


class Plan(NamedTuple):
    """How one AU's head is fitted: its region, the share of neutral faces that it leaves off.

    `neutral` is how much a neutral face weighs beside one of another emotion: more finds weak
    movements, less holds better on posed faces, where nobody is neutral.
    """

    points: tuple[int, ...]
    off: float
    neutral: float = 1.0
    blendshape: str | None = None


PLANS: Final[Mapping[int, Plan]] = {
    1: Plan(_BROWS, 0.99, 2),
    2: Plan(_BROWS, 0.985, 2),
    4: Plan(_BROWS, 0.96, 1.2),
    5: Plan(_EYES, 0.965, 3),
    6: Plan((*_EYES, *_CHEEKS), 0.975, 2),
    7: Plan(_EYES, 0.98, 1.5, "eyeSquint"),
    9: Plan((*_NOSE, 107, 66, 65), 0.99, 3),
    10: Plan((*_NOSE, *_ABOVE_LIP), 0.975, 3),
    12: Plan(_MOUTH, 0.975, 3, "mouthSmile"),
    15: Plan(_MOUTH, 0.99),
    25: Plan(_MOUTH, 0.98, 2),
    26: Plan((*_CHIN, *_MOUTH), 0.99, 2),
}
"""Chosen on FERPlus validation faces and on posed faces of another set: docs/detectors.md."""
