"""Drawing a face: 448x448 RGB, smooth edges, a few milliseconds on one core."""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.synthetic.face import Colour, Hair, SyntheticFace, mixed
from tag_plugin.data.synthetic.geometry import (
    Curve,
    FaceShape,
    fringe,
    occluder_outline,
    oval,
    project,
    shape,
)
from tag_plugin.facs.boxes import FACE_FRAME

Picture = NDArray[np.uint8]
"""(448, 448, 3), red, green, blue."""

_DARK: Final = (30, 18, 16)
_WHITE: Final = (246, 244, 240)


def render(face: SyntheticFace) -> Picture:
    """The picture of a face: (448, 448, 3) RGB."""
    form, picture = shape(face), _backdrop(face)
    for draw in (_head, _furrows, _eyes, _nose, _mouth, _brows, _in_front):
        draw(picture, face, form)
    return _through_the_lens(picture, face)


def _backdrop(face: SyntheticFace) -> Picture:
    first, second = (np.array(colour, dtype=np.float32) for colour in face.scene.backdrop)
    corners = np.array([[first, first], [second, 0.6 * second]], dtype=np.float32)
    return np.asarray(_enlarged(corners), dtype=np.uint8)


def _enlarged(corners: NDArray[np.float32]) -> cv2.typing.MatLike:
    return cv2.resize(corners, (FACE_FRAME, FACE_FRAME), interpolation=cv2.INTER_LINEAR)


def _head(picture: Picture, face: SyntheticFace, form: FaceShape) -> None:
    who = face.identity
    neck = np.array([[-0.45, 0.7], [0.45, 0.7], [0.5, 1.7], [-0.5, 1.7]])
    shirt = np.array(
        [[-1.5, 2.6], [-1.2, 1.75], [-0.45, 1.5], [0.45, 1.5], [1.2, 1.75], [1.5, 2.6]]
    )
    if who.hair is Hair.LONG:
        _fill(picture, face, form.outline * [1.25, 1.12] + [0.0, -0.02], who.hair_colour)
    _fill(picture, face, shirt * [1.3, 1.0], face.scene.shirt)
    _fill(picture, face, neck, mixed(who.skin, _DARK, 0.18))
    if who.hair is not Hair.BALD:
        crown = form.outline[form.outline[:, 1] < -0.2]
        _fill(picture, face, crown * [1.10, 1.13], who.hair_colour)
    ear = np.array([[1.0, -0.2], [1.12, -0.22], [1.14, 0.0], [1.05, 0.22], [0.97, 0.2]])
    for side in (-1.0, 1.0):
        _fill(picture, face, ear * [side, 1.0], mixed(who.skin, _DARK, 0.08))
    _fill(picture, face, form.outline, who.skin)
    _line(picture, face, form.outline, mixed(who.skin, _DARK, 0.35), 0.014, closed=True)
    if who.hair in (Hair.SHORT, Hair.LONG):
        t = np.linspace(-1, 1, 15)
        hem = np.stack([0.98 * t, -0.82 - 0.12 * np.cos(3 * t)], axis=1)
        top = np.stack([t[::-1], -1.28 * np.sqrt(np.clip(1 - t[::-1] ** 2, 0.05, 1))], axis=1)
        _fill(picture, face, np.vstack([hem, top]), who.hair_colour)


def _furrows(picture: Picture, face: SyntheticFace, form: FaceShape) -> None:
    who = face.identity
    for au, curves in form.furrows.items():
        colour = mixed(who.skin, mixed(who.skin, _DARK, 0.75), face.intensity(au))
        for curve in curves if face.intensity(au) > 0 else ():
            _line(picture, face, curve, colour, 0.024)
    blush = mixed(who.skin, (225, 90, 90), 0.4 * face.intensity(6))
    for lid in form.lower_lids if face.intensity(6) > 0 else ():
        _fill(picture, face, lid.mean(axis=0) + [0.0, 0.27] + oval(24, 0.2, 0.08), blush)


def _eyes(picture: Picture, face: SyntheticFace, form: FaceShape) -> None:
    who = face.identity
    for upper, lower in zip(form.upper_lids, form.lower_lids, strict=True):
        _fill(picture, face, np.vstack([upper, lower[::-1]]), _WHITE)
        middle = np.array([upper[:, 0].mean(), who.eye_y])
        for radius, colour in ((0.085, who.iris), (0.042, _DARK)):
            disc = middle + radius * oval(28, 1, 1)
            disc[:, 1] = np.clip(disc[:, 1], *_lid_gap(disc[:, 0], upper, lower))
            _fill(picture, face, disc, colour)
        _line(picture, face, upper, mixed(who.skin, _DARK, 0.9), 0.03)
        _line(picture, face, lower, mixed(who.skin, _DARK, 0.5), 0.014)


def _lid_gap(x: Curve, upper: Curve, lower: Curve) -> tuple[Curve, Curve]:
    order = np.argsort(upper[:, 0])
    at = upper[order, 0]
    return np.interp(x, at, upper[order, 1]), np.interp(x, at, lower[order, 1])


def _brows(picture: Picture, face: SyntheticFace, form: FaceShape) -> None:
    who = face.identity
    thickness = who.brow_thickness * np.array([0.9, 1, 1, 1, 0.95, 0.85, 0.7, 0.5, 0.2])[:, None]
    up = np.array([0.0, 0.5])
    for brow in form.brows:
        outline = np.vstack([brow - thickness * up, (brow + thickness * up)[::-1]])
        _fill(picture, face, outline, mixed(who.hair_colour, _DARK, 0.55))


def _nose(picture: Picture, face: SyntheticFace, form: FaceShape) -> None:
    shade = mixed(face.identity.skin, _DARK, 0.4)
    _line(picture, face, form.nose_bridge, mixed(face.identity.skin, _DARK, 0.2), 0.018)
    _line(picture, face, form.nose_base, shade, 0.026)
    for side in (2, 6):
        nostril = form.nose_base[side] + [[-0.02, -0.01], [0.02, -0.01]]
        _line(picture, face, nostril, mixed(shade, _DARK, 0.6), 0.03)


def _mouth(picture: Picture, face: SyntheticFace, form: FaceShape) -> None:
    lips = face.identity.lips
    _fill(
        picture, face, np.vstack([form.upper_lip, form.mouth_top[::-1]]), mixed(lips, _DARK, 0.12)
    )
    _fill(picture, face, np.vstack([form.mouth_bottom, form.lower_lip[::-1]]), lips)
    gap = float((form.mouth_bottom[:, 1] - form.mouth_top[:, 1]).max())
    if gap > 0.01:
        _fill(picture, face, np.vstack([form.mouth_top, form.mouth_bottom[::-1]]), (88, 24, 30))
        teeth = np.minimum(form.mouth_top[:, 1] + 0.07, form.mouth_bottom[:, 1] - 0.25 * gap)
        teeth = np.maximum(teeth, form.mouth_top[:, 1])
        row = np.stack([form.mouth_top[:, 0], teeth], axis=1)
        _fill(picture, face, np.vstack([form.mouth_top, row[::-1]])[2:-2], _WHITE)
    for edge in (form.mouth_top, form.mouth_bottom):
        _line(picture, face, edge, mixed(lips, _DARK, 0.7), 0.02)


def _in_front(picture: Picture, face: SyntheticFace, _: FaceShape) -> None:
    who, scene = face.identity, face.scene
    if who.hair is Hair.FRINGE:
        _fill(picture, face, fringe(face), who.hair_colour)
    if scene.glasses is not None:
        rim = oval(32, 0.32, 0.24)
        for side in (-1, 1):
            _line(
                picture, face, rim + [side * who.eye_x, who.eye_y + 0.03], scene.glasses, 0.03, True
            )
        bridge = np.array([[-1.0, 0.0], [0.0, -0.03], [1.0, 0.0]]) * [who.eye_x - 0.32, 1]
        _line(picture, face, bridge + [0.0, who.eye_y], scene.glasses, 0.03)
    if scene.occluder is not None:
        _paint(picture, occluder_outline(scene.occluder, face.pose), scene.occluder.colour)


def _through_the_lens(picture: Picture, face: SyntheticFace) -> Picture:
    scene = face.scene
    across, down = np.linspace(-1, 1, 8)[None, :], np.linspace(-1, 1, 8)[:, None]
    light = 1 + scene.light_strength * (
        np.cos(scene.light_angle) * across + np.sin(scene.light_angle) * down
    )
    dark_corners = 1 - 0.16 * (across**2 + down**2)
    full = _enlarged((scene.brightness * light * dark_corners).astype(np.float32))
    lit = cv2.multiply(picture, cv2.merge([full, full, full]), dtype=cv2.CV_8U)
    if scene.blur > 0:
        lit = cv2.GaussianBlur(lit, (0, 0), scene.blur)
    left, top = scene.noise_offset
    grain = cv2.multiply(
        _grain()[top : top + FACE_FRAME, left : left + FACE_FRAME], scene.noise / 32.0
    )
    return np.asarray(cv2.add(lit, cv2.merge([grain, grain, grain]), dtype=cv2.CV_8U), np.uint8)


@cache
def _grain() -> NDArray[np.int16]:
    normal = np.random.default_rng(0).standard_normal((FACE_FRAME + 64, FACE_FRAME + 64))
    return np.round(32 * normal).astype(np.int16)


def _fill(picture: Picture, face: SyntheticFace, points: Curve, colour: Colour) -> None:
    _paint(picture, project(points, face.pose), colour)


def _paint(picture: Picture, outline: Curve, colour: Colour) -> None:
    """Fill an outline in pixels, with smooth edges."""
    cv2.fillPoly(picture, [np.round(outline * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


def _line(
    picture: Picture,
    face: SyntheticFace,
    points: Curve,
    colour: Colour,
    width: float,
    closed: bool = False,
) -> None:
    pixels = np.round(project(points, face.pose) * 16).astype(np.int32)
    thickness = max(round(width * face.pose.unit), 1)
    cv2.polylines(picture, [pixels], closed, colour, thickness, cv2.LINE_AA, 4)
