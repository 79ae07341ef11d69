"""Where each Action Unit shows on a face: exact boxes and what a detector would report."""

from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

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
    regions = au_regions(shape(face))
    points = [regions[au] for au in SYNTH_AUS]
    seen = _mostly_visible(face, points)
    return Detections(
        detections=tuple(
            Detection(
                au=au,
                probability=probability(face.intensity(au)) if is_seen else _UNDECIDED,
                box=box,
            )
            for au, is_seen, box in zip(SYNTH_AUS, seen, au_boxes(face, points), strict=True)
        ),
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


def au_boxes(face: SyntheticFace, regions: Sequence[Curve]) -> list[Box]:
    """The box around each region (points in face units), with a margin, inside the frame."""
    pixels, starts, _ = _joined(face, regions)
    margin = _MARGIN * face.pose.unit
    low = np.clip((np.minimum.reduceat(pixels, starts) - margin) / FACE_FRAME, 0, 0.96)
    high = np.clip((np.maximum.reduceat(pixels, starts) + margin) / FACE_FRAME, low + 0.03, 1)
    corners = np.hstack([low, high]) * BOX_SCALE
    return [Box(*map(round, values)) for values in corners.tolist()]


def _mostly_visible(face: SyntheticFace, regions: Sequence[Curve]) -> list[bool]:
    """Whether enough of each region is seen to judge it."""
    pixels, starts, sizes = _joined(face, regions)
    covered = np.zeros(len(pixels), dtype=bool)
    for outline in _hiding_outlines(face):
        near = ((pixels >= outline.min(axis=0)) & (pixels <= outline.max(axis=0))).all(axis=1)
        for place in np.flatnonzero(near & ~covered):
            x, y = map(float, pixels[place])
            covered[place] = cv2.pointPolygonTest(outline, (x, y), measureDist=False) > 0
    shares = 1 - np.add.reduceat(covered, starts, dtype=float) / sizes
    return [bool(share >= _VISIBLE) for share in shares]


def _joined(
    face: SyntheticFace, regions: Sequence[Curve]
) -> tuple[Curve, NDArray[np.intp], NDArray[np.intp]]:
    """All regions' points in pixels (n, 2), where each region begins, and its size."""
    sizes = np.array([len(region) for region in regions], dtype=np.intp)
    return project(np.vstack(regions), face.pose), np.cumsum([0, *sizes[:-1]]), sizes


def _hiding_outlines(face: SyntheticFace) -> list[NDArray[np.float32]]:
    occluder, outlines = face.scene.occluder, []
    if occluder is not None:
        outlines.append(occluder_outline(occluder, face.pose))
    if face.identity.hair is Hair.FRINGE:
        outlines.append(project(fringe(face), face.pose))
    return [outline.astype(np.float32) for outline in outlines]


def _lowered(curves: "list[Curve] | tuple[Curve, ...]", down: float) -> list[Curve]:
    return [curve + [0.0, down] for curve in curves]
