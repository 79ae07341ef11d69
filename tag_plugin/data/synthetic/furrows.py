"""The wrinkles and bulges that each Action Unit draws, in face units.

A furrow hangs on the curves that are already moved, so it travels with them.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
_MIRROR = np.array([-1.0, 1.0])


def furrows(
    brow: Curve, lower_lid: Curve, nose: Curve, upper_lip: Curve, lower_lip: Curve, chin: Curve
) -> Mapping[int, tuple[Curve, ...]]:
    """AU -> its furrows on the whole face. Brow and lid are those on the right of the picture."""
    mouth = upper_lip[-1]
    chin_y = float(chin[:, 1].max())
    lip_y = float(lower_lip[:, 1].max())
    return {
        1: _forehead(float(brow[0, 1]), 0.24),
        2: _mirrored(brow[4:] - [0.0, 0.13], brow[4:] - [0.0, 0.21]),
        4: _mirrored(_line(brow[0] + [-0.04, -0.06], brow[0] + [-0.02, 0.19], 0.02)),
        6: _mirrored(*_crows_feet(lower_lid), _cheek(lower_lid)),
        7: _mirrored(lower_lid[1:-1] + [0.0, 0.055]),
        9: _across_the_nose(float(lower_lid[0, 1])),
        10: _mirrored(_line(nose[-1] + [0.07, -0.02], nose[-1] + [0.27, 0.22], 0.05)),
        12: _mirrored(_arc(mouth + [0.11, 0.02], 0.05, 0.17)),
        15: _mirrored(_line(mouth + [0.04, 0.03], mouth + [0.10, 0.20], -0.03)),
        17: _chin_boss((lip_y + chin_y) / 2, (chin_y - lip_y) / 2),
        20: _mirrored(*(_arc(mouth + [dx, 0.0], 0.015, 0.10) for dx in (0.07, 0.13))),
        23: _around_the_lips(upper_lip, lower_lip),
        24: (_bulge(upper_lip, -0.07), _bulge(lower_lip, 0.08)),
    }


def _mirrored(*right: Curve) -> tuple[Curve, ...]:
    return tuple(curve * _MIRROR for curve in right) + right


def _line(start: Curve, end: Curve, bend: float) -> Curve:
    t = np.linspace(0, 1, 6)[:, None]
    across: Curve = np.array([start[1] - end[1], end[0] - start[0]])
    across = across / max(float(np.hypot(*across)), 1e-6)
    bent: Curve = start + t * (end - start) + bend * np.sin(np.pi * t) * across
    return bent


def _arc(middle: Curve, depth: float, half: float) -> Curve:
    t = np.linspace(-1, 1, 7)
    return middle + np.stack([depth * (1 - t**2), half * t], axis=1)


def _forehead(brow_y: float, half: float) -> tuple[Curve, ...]:
    t = np.linspace(-1, 1, 9)
    return tuple(
        np.stack([half * t, brow_y - up + 0.03 * np.cos(np.pi * t)], axis=1) for up in (0.11, 0.20)
    )


def _crows_feet(lower_lid: Curve) -> tuple[Curve, ...]:
    corner = lower_lid[-1] + [0.04, 0.0]
    return tuple(
        _line(corner + [0.0, dy], corner + [0.13, 3 * dy], 0.0) for dy in (-0.03, 0.01, 0.04)
    )


def _cheek(lower_lid: Curve) -> Curve:
    t = np.linspace(-1, 1, 9)
    middle = lower_lid.mean(axis=0) + [0.03, 0.17]
    curve: Curve = middle + np.stack([0.25 * t, 0.06 * t**2], axis=1)
    return curve


def _across_the_nose(eye_y: float) -> tuple[Curve, ...]:
    t = np.linspace(-1, 1, 7)
    return tuple(
        np.stack([half * t, eye_y + down - 0.035 * (1 - t**2)], axis=1)
        for down, half in ((-0.06, 0.11), (0.03, 0.13), (0.12, 0.14))
    )


def _chin_boss(middle_y: float, half_height: float) -> tuple[Curve, ...]:
    t = np.linspace(-1, 1, 9)
    arc = np.stack([0.24 * t, middle_y - 0.35 * half_height + 0.09 * t**2], axis=1)
    pits = [(dx, dy) for dx in (-0.1, 0.0, 0.1) for dy in (0.0, 0.09)]
    return arc, *(np.array([[x, middle_y + y], [x + 0.03, middle_y + y + 0.01]]) for x, y in pits)


def _around_the_lips(upper_lip: Curve, lower_lip: Curve) -> tuple[Curve, ...]:
    return tuple(
        np.array([lip[i] + [0.0, away * 0.025], lip[i] * [1.15, 1] + [0.0, away * 0.11]])
        for lip, away in ((upper_lip, -1), (lower_lip, 1))
        for i in (3, 6, 10, 13)
    )


def _bulge(lip: Curve, away: float) -> Curve:
    return lip[2:-2] * [0.95, 1.0] + [0.0, away]
