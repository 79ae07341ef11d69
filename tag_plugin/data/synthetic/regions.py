"""Where each Action Unit shows on a face: exact boxes and what a detector would report."""

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np

from tag_plugin.data.synthetic.face import SYNTH_AUS, Hair, SyntheticFace
from tag_plugin.data.synthetic.geometry import (
    Curve,
    FaceShape,
    fringe,
    occluder_outline,
    project,
    shape,
)
from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME, Box
from tag_plugin.facs.detections import Detection, Detections

_MARGIN: Final = 0.09
_VISIBLE: Final = 0.5  # a region of which less is seen cannot be judged
_UNDECIDED: Final = 0.4  # the middle of the grey band


def detections(face: SyntheticFace) -> Detections:
    """What an exact detector sees: every AU that the drawing can show, with its box.

    The probability grows with the intensity: 0.5 at intensity 0.4, and 0.3..0.5 (undecided) for
    faint ones. A region that is mostly hidden says nothing, so its AU is undecided as well.
    """
    regions, hidden = au_regions(shape(face)), _hiding_outlines(face)
    return Detections(
        detections=tuple(_detection(face, au, regions[au], hidden) for au in SYNTH_AUS),
        supported=frozenset(SYNTH_AUS),
    )


def probability(intensity: float) -> float:
    """The detector's confidence in an AU of this intensity, in [0.05, 0.98]."""
    return round(min(0.05 + 1.125 * intensity, 0.98), 3)


def au_regions(form: FaceShape) -> Mapping[int, Curve]:
    """AU -> the points (n, 2), in face units, that its box must hold."""
    inner = [brow[:5] for brow in form.brows]
    outer = [brow[4:] for brow in form.brows]
    mouth = [form.upper_lip, form.lower_lip]
    corners = [form.upper_lip[:3], form.upper_lip[-3:]]
    marks = form.furrows
    return {
        1: np.vstack([*inner, *marks[1], *_lowered(inner, 0.10)]),
        2: np.vstack([*outer, *marks[2], *_lowered(outer, 0.10)]),
        4: np.vstack([*form.brows, *marks[4], *_lowered(inner, -0.12)]),
        5: np.vstack([*form.upper_lids, *_lowered(form.upper_lids, -0.06), *form.lower_lids]),
        6: np.vstack([*form.lower_lids, *marks[6], *_lowered(list(marks[6]), 0.08)]),
        7: np.vstack([*form.upper_lids, *form.lower_lids, *marks[7]]),
        9: np.vstack([*marks[9], form.nose_base]),
        10: np.vstack([form.nose_base, form.upper_lip, *marks[10]]),
        12: np.vstack([*mouth, *marks[12]]),
        15: np.vstack([*mouth, *corners, *marks[15]]),
        17: np.vstack([form.lower_lip, *marks[17], form.chin[3:-3]]),
        20: np.vstack([*mouth, *marks[20]]),
        23: np.vstack([*mouth, *marks[23]]),
        24: np.vstack([*mouth, *marks[24]]),
        25: np.vstack(mouth),
        26: np.vstack([form.mouth_bottom, form.lower_lip, form.chin]),
        27: np.vstack([*mouth, form.chin]),
    }


def au_box(face: SyntheticFace, points: Curve) -> Box:
    """The box around a region (points in face units), with a margin, inside the frame."""
    pixels = project(points, face.pose)
    margin = _MARGIN * face.pose.unit
    low = np.clip((pixels.min(axis=0) - margin) / FACE_FRAME, 0, 0.96)
    high = np.clip((pixels.max(axis=0) + margin) / FACE_FRAME, low + 0.03, 1)
    x1, y1, x2, y2 = (round(float(value) * BOX_SCALE) for value in (*low, *high))
    return Box(x1, y1, x2, y2)


def _detection(face: SyntheticFace, au: int, points: Curve, hidden: tuple[Curve, ...]) -> Detection:
    seen = _visible_share(project(points, face.pose), hidden) >= _VISIBLE
    likely = probability(face.intensity(au)) if seen else _UNDECIDED
    return Detection(au=au, probability=likely, box=au_box(face, points))


def _visible_share(pixels: Curve, hidden: tuple[Curve, ...]) -> float:
    outlines = [outline.astype(np.float32) for outline in hidden]
    covered = [
        any(cv2.pointPolygonTest(o, (float(x), float(y)), False) > 0 for o in outlines)
        for x, y in pixels
    ]
    return 1 - sum(covered) / len(pixels)


def _hiding_outlines(face: SyntheticFace) -> tuple[Curve, ...]:
    occluder, has_fringe = face.scene.occluder, face.identity.hair is Hair.FRINGE
    return (
        *((occluder_outline(occluder, face.pose),) if occluder is not None else ()),
        *((project(fringe(face), face.pose),) if has_fringe else ()),
    )


def _lowered(curves: "list[Curve] | tuple[Curve, ...]", down: float) -> list[Curve]:
    return [curve + [0.0, down] for curve in curves]
