"""Measuring one face frame: sharpness, exposure, size, pose, and how far landmarks can be trusted.

The bare variance of the Laplacian grows with the square of a picture's contrast: a limit on it
drops dark skin and soft light, not blur (seen on FERPlus). Divided by the picture's own variance
it measures focus alone.

Sources: variance of the Laplacian as a measure of focus, Pech-Pacheco et al., "Diatom
autofocusing in brightfield microscopy", ICPR 2000. Landmarks of a picture and of its mirror image
as a measure of their error: Yang and Patras, "Mirror, mirror on the wall, tell me, is the error
small?", CVPR 2015.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.pipeline.face_finder import Face, FaceFinder

NORMAL_SIZE: Final = 112
"""Side at which sharpness and exposure are measured, whatever the source's resolution."""
MIDDLE: Final = 0.15
"""Share of the frame that is left out on each side: mostly not face."""

PAIRS: Final = (
    (33, 263), (133, 362), (159, 386), (145, 374),  # corners and lids of the eyes
    (105, 334), (70, 300), (107, 336),  # brows
    (61, 291), (98, 327), (234, 454), (172, 397),  # mouth corners, nostrils, cheeks, jaw
)  # fmt: skip
MIDLINE: Final = (1, 4, 168, 13, 14, 0, 17, 152)
"""Points of MediaPipe's mesh that change places in a mirror, and points that stay."""

_HERE: Final = [point for pair in PAIRS for point in pair] + list(MIDLINE)
_THERE: Final = [point for pair in PAIRS for point in reversed(pair)] + list(MIDLINE)

Picture = NDArray[np.uint8]


def light(frame: Picture) -> dict[str, float]:
    """Sharpness, brightness and contrast of the middle of a (448, 448, 3) RGB frame.

    sharpness = 1000 * variance of the Laplacian / variance of the grey values
    """
    edge, size = round(MIDDLE * NORMAL_SIZE), (NORMAL_SIZE, NORMAL_SIZE)
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    middle = small[edge:-edge, edge:-edge]
    edges = cv2.Laplacian(small, cv2.CV_64F)[edge:-edge, edge:-edge]
    return {
        "sharpness": round(1000 * float(edges.var() / max(middle.var(), 1.0)), 1),
        "brightness": round(float(middle.mean()), 1),
        "contrast": round(float(middle.std()), 1),
    }


def geometry(frame: Picture, side: int | None, finder: FaceFinder) -> dict[str, float]:
    """Face size, pose and mirror error of a (448, 448, 3) RGB frame; empty where no face is found.

    Args:
        frame: the frame.
        side: pixels of the source picture along the frame; the face size needs it.
        finder: an open face finder.
    """
    face = _largest(frame, finder)
    if face is None:
        return {}
    size = {} if side is None else {"face_size": round(face.side * side / FACE_FRAME, 1)}
    return {
        "yaw": round(face.yaw, 1),
        "pitch": round(face.pitch, 1),
        "roll": round(face.roll, 1),
        "mirror_error": round(mirror_error(frame, face, finder), 3),
        **size,
    }


def mirror_error(frame: Picture, face: Face, finder: FaceFinder) -> float:
    """How far landmarks move when the picture is mirrored: mean distance over eye distance.

    Where the face is clear they fall on the same places; 1.0 where the mirror image shows none.
    """
    mirrored = _largest(np.ascontiguousarray(frame[:, ::-1]), finder)
    if mirrored is None:
        return 1.0
    back = mirrored.points * np.array([-1, 1]) + np.array([frame.shape[1], 0])
    apart = np.linalg.norm(face.points[_HERE] - back[_THERE], axis=1)
    eyes = face.points[[33, 133]].mean(axis=0) - face.points[[362, 263]].mean(axis=0)
    return float(min(apart.mean() / max(float(np.linalg.norm(eyes)), 1.0), 1.0))


def _largest(frame: Picture, finder: FaceFinder) -> Face | None:
    """The largest face; a face that fills the frame is looked for inside a border first."""
    faces = finder.find_padded(frame) or finder.find(frame)
    return max(faces, key=lambda face: face.side, default=None)
