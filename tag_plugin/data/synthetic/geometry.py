"""The shape of a face in face units, moved by the Action Units that act, and what hides it.

Every curve is an array of points (n, 2). How each AU moves a part follows the appearance changes
that the FACS manual lists for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.synthetic.face import Occluder, Pose, SyntheticFace
from tag_plugin.data.synthetic.furrows import furrows

Curve = NDArray[np.float64]
Pair = tuple[Curve, Curve]
"""Two curves, mostly the same on the left and on the right of the picture."""

_CHIN = slice(25, 36)  # the outline starts at the top of the head and has 60 points
_BROW = np.linspace(0, 1, 9)
_LID = np.linspace(0, 1, 11)
_LIP = np.linspace(-1, 1, 17)


@dataclass(frozen=True, slots=True)
class FaceShape:
    """The curves of one face. Brows and lids run from the nose outwards."""

    outline: Curve
    brows: Pair
    upper_lids: Pair
    lower_lids: Pair
    nose_bridge: Curve
    nose_base: Curve
    upper_lip: Curve
    mouth_top: Curve
    mouth_bottom: Curve
    lower_lip: Curve
    chin: Curve
    furrows: Mapping[int, tuple[Curve, ...]]


def shape(face: SyntheticFace) -> FaceShape:
    """The face as its AUs move it."""
    mouth_top, mouth_bottom = _mouth_opening(face)
    outline, brow, base = _outline(face), _brow(face), _nose_base(face)
    upper_lid, lower_lid = _lids(face)
    upper_lip, lower_lip = _upper_lip(face, mouth_top), _lower_lip(face, mouth_bottom)
    chin = outline[_CHIN]
    return FaceShape(
        outline=outline,
        brows=_both_sides(brow),
        upper_lids=_both_sides(upper_lid),
        lower_lids=_both_sides(lower_lid),
        nose_bridge=_nose_bridge(face, base),
        nose_base=base,
        upper_lip=upper_lip,
        mouth_top=mouth_top,
        mouth_bottom=mouth_bottom,
        lower_lip=lower_lip,
        chin=chin,
        furrows=furrows(brow, lower_lid, base, upper_lip, lower_lip, chin),
    )


def project(points: Curve, pose: Pose) -> Curve:
    """Points in face units (n, 2) as pixels of the face frame (n, 2).

    The points lie on an ellipsoid, which is turned by yaw, pitch and roll and seen from afar.
    """
    x, y = points[:, 0], points[:, 1]
    z = 0.9 * np.sqrt(np.clip(1 - (x / 1.05) ** 2 - (y / 1.55) ** 2, 0, None))
    x, z = x * np.cos(pose.yaw) + z * np.sin(pose.yaw), z * np.cos(pose.yaw) - x * np.sin(pose.yaw)
    y = y * np.cos(pose.pitch) + z * np.sin(pose.pitch)
    turned_x = x * np.cos(pose.roll) - y * np.sin(pose.roll)
    turned_y = x * np.sin(pose.roll) + y * np.cos(pose.roll)
    return np.stack(
        [pose.centre[0] + pose.unit * turned_x, pose.centre[1] + pose.unit * turned_y], axis=1
    )


def occluder_outline(occluder: Occluder, pose: Pose) -> Curve:
    """The outline of the oval in pixels (n, 2)."""
    centre = project(np.array([occluder.centre]), pose)[0]
    x, y = oval(40, *occluder.radii).T
    turn = np.radians(occluder.angle)
    turned = [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]
    return np.asarray(centre + pose.unit * np.stack(turned, axis=1), dtype=np.float64)


def oval(count: int, across: float, down: float) -> Curve:
    """So many points (n, 2) on an ellipse with these radii around the origin."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([across * np.cos(angle), down * np.sin(angle)], axis=1)


def fringe(face: SyntheticFace) -> Curve:
    """The outline of a fringe in face units (n, 2); it ends near the resting brows."""
    t = np.linspace(-0.98, 0.98, 15)
    hem = face.identity.brow_y - 0.16 + 0.05 * np.cos(7 * t) - 0.10 * t**2
    top = -1.25 * np.sqrt(1 - t[::-1] ** 2)
    return np.stack([np.append(t, t[::-1]), np.append(hem, top)], axis=1)


def _both_sides(right: Curve) -> Pair:
    return right * np.array([-1.0, 1.0]), right


def _outline(face: SyntheticFace) -> Curve:
    who = face.identity
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    x, y = np.sin(angle), -np.cos(angle)
    down = np.clip(y, 0, None)
    x = x * (1 - (1 - who.jaw_width) * down)
    jaw_drop = 0.13 * face.intensity(26) + 0.30 * face.intensity(27)
    y = np.where(y < 0, y * 1.25, y * who.head_height) + jaw_drop * down**1.5
    return np.stack([x, y], axis=1)


def _brow(face: SyntheticFace) -> Curve:
    who, t = face.identity, _BROW
    x = who.eye_x - 0.25 + 0.55 * t - 0.11 * face.intensity(4) * (1 - t)
    y = who.brow_y - who.brow_arch * np.sin(np.pi * t**1.2)
    y = y - 0.19 * face.intensity(1) * np.clip(1 - 1.5 * t, 0, None) ** 0.9
    y = y - 0.19 * face.intensity(2) * np.clip(1.45 * t - 0.45, 0, None) ** 0.8
    y = y + 0.13 * face.intensity(4) * (1 - 0.4 * t)
    return np.stack([x, y], axis=1)


def _lids(face: SyntheticFace) -> Pair:
    """The upper lid and the lower one."""
    who = face.identity
    high = who.eye_height * (
        1 + 0.85 * face.intensity(5) - 0.42 * face.intensity(7) - 0.1 * face.intensity(6)
    )
    low = who.eye_height * (
        0.8 - 0.5 * face.intensity(7) - 0.45 * face.intensity(6) + 0.15 * face.intensity(5)
    )
    x, bow = who.eye_x + who.eye_width * (2 * _LID - 1), np.sin(np.pi * _LID) ** 0.8
    upper_y, lower_y = who.eye_y - max(high, 0.02) * bow, who.eye_y + max(low, 0.01) * bow
    return np.stack([x, upper_y], axis=1), np.stack([x, lower_y], axis=1)


def _nose_base(face: SyntheticFace) -> Curve:
    who, lift = face.identity, 0.07 * face.intensity(9) + 0.02 * face.intensity(10)
    t = np.linspace(-1, 1, 9)
    x = t * (who.nose_width * (1 + 0.25 * face.intensity(9)))
    y = who.nose_length - lift * np.abs(t) + 0.05 * np.cos(np.pi * t / 2) - 0.02
    return np.stack([x, y], axis=1)


def _nose_bridge(face: SyntheticFace, base: Curve) -> Curve:
    eye_y = face.identity.eye_y
    top = [[-0.09, eye_y - 0.05], [-0.06, eye_y + 0.15]]
    return np.vstack([top, base[1:2] - [0.0, 0.06], base[:1]])


def _mouth_half_width(face: SyntheticFace) -> float:
    change = 0.24 * face.intensity(12) + 0.38 * face.intensity(20)
    change -= 0.30 * face.intensity(23) + 0.14 * face.intensity(27) + 0.05 * face.intensity(15)
    return face.identity.mouth_width * (1 + change)


def _lip_line(face: SyntheticFace) -> Curve:
    corner = -0.17 * face.intensity(12) + 0.15 * face.intensity(15) + 0.02 * face.intensity(20)
    middle = 0.03 * face.intensity(12) - 0.05 * face.intensity(17) - 0.02 * face.intensity(15)
    y = face.identity.mouth_y + middle + (corner - middle) * np.abs(_LIP) ** 1.7
    return np.stack([_LIP * _mouth_half_width(face), y], axis=1)


def _mouth_opening(face: SyntheticFace) -> tuple[Curve, Curve]:
    line = _lip_line(face)
    up = 0.045 * face.intensity(25) + 0.02 * face.intensity(26) + 0.06 * face.intensity(27)
    down = 0.055 * face.intensity(25) + 0.15 * face.intensity(26) + 0.34 * face.intensity(27)
    rise = _upright(np.clip(1 - _LIP**2, 0, None) ** 0.6)
    return line - up * rise, line + down * rise


def _lip_thickness(face: SyntheticFace) -> float:
    thinner = 0.5 * face.intensity(23) + 0.85 * face.intensity(24) + 0.3 * face.intensity(20)
    return face.identity.lip_thickness * max(1 - thinner, 0.12)


def _upper_lip(face: SyntheticFace, mouth_top: Curve) -> Curve:
    arch = np.clip(1 - _LIP**2, 0, None) ** 0.55 * (1 - 0.18 * np.exp(-((_LIP / 0.16) ** 2)))
    raised = 0.12 * face.intensity(10) * np.clip(1 - _LIP**4, 0, None)
    return mouth_top - _upright(0.85 * _lip_thickness(face) * arch + raised)


def _lower_lip(face: SyntheticFace, mouth_bottom: Curve) -> Curve:
    thickness = _lip_thickness(face) * (1 + 0.35 * face.intensity(17))
    return mouth_bottom + _upright(thickness * np.clip(1 - _LIP**2, 0, None) ** 0.6)


def _upright(height: Curve) -> Curve:
    """Moves (n, 2) by these heights (n,)."""
    return np.stack([np.zeros_like(height), height], axis=1)
