"""Finding faces in a picture of any size, with MediaPipe's FaceLandmarker.

It is the same model that measures AUs, used for its mesh alone: where the face is, how the head is
turned, and whether the mesh can be trusted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import atan2, degrees
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tag_plugin.detectors.base import library
from tag_plugin.detectors.face_landmarker_model import find_model
from tag_plugin.detectors.quiet import quiet_stderr

PADDING: Final = 0.25
"""Border of the second try, as a share of the larger side: a face that fills the picture is missed
without one."""
GRIDS: Final = ((2, 0.6), (3, 0.42))
"""Overlapping tiles of the later tries: so many a side, each so large a share of it. The model
finds a face from about a fifth of the picture's height on, in the smallest tiles from a twelfth
on."""
FINEST: Final = (5, 0.26)
"""The last tiles where every face is wanted: from a twentieth of the picture's height on."""
MOST_FACES: Final = 16
SMALLEST_TILED: Final = 320
"""Pictures with a shorter side are not cut into tiles."""

RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)
"""Corners of the eyes in MediaPipe's mesh of 478 points; right is the person's right."""

Points = NDArray[np.float64]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False, slots=True)
class Face:
    """One face: its mesh (478, 2) in pixels of the picture, and the head's pose in degrees.

    yaw: turned to a side; pitch: up or down; roll: tilted towards a shoulder.
    """

    points: Points
    yaw: float
    pitch: float
    roll: float

    @property
    def side(self) -> float:
        """The larger side of the mesh's bounding box, in pixels."""
        return float(np.ptp(self.points, axis=0).max())

    @property
    def eye_angle(self) -> float:
        """Degrees by which the line through the eyes is turned clockwise."""
        right = self.points[list(RIGHT_EYE)].mean(axis=0)
        left = self.points[list(LEFT_EYE)].mean(axis=0)
        return degrees(atan2(left[1] - right[1], left[0] - right[0]))


class FaceFinder:
    """Finds every face; close it: `with closing(FaceFinder()) as finder`.

    Raises:
        DetectorError: mediapipe or its model is missing; the message says the next command.
    """

    def __init__(self, most_faces: int = MOST_FACES) -> None:
        otherwise = ", or take the pictures as they are with --frame whole"
        self._mediapipe = library("mediapipe", "mediapipe", otherwise)
        tasks = self._mediapipe.tasks
        options = tasks.vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=find_model(None).read_bytes()),
            num_faces=most_faces,
            output_facial_transformation_matrixes=True,
        )
        with quiet_stderr():
            self._landmarker = tasks.vision.FaceLandmarker.create_from_options(options)
            self._detect(np.zeros((64, 64, 3), dtype=np.uint8))  # the first call logs as well

    def find(self, picture: Picture) -> list[Face]:
        """The faces of a (height, width, 3) RGB picture, the largest first.

        Tries the picture, then the picture inside a border, then its overlapping tiles.
        """
        faces = self._detect(picture) or self.find_padded(picture)
        for grid in GRIDS:
            if not faces and min(picture.shape[:2]) >= SMALLEST_TILED:
                faces = _distinct(
                    [face for tile in _tiles(picture, *grid) for face in self._detect(*tile)]
                )
        return sorted(faces, key=lambda face: -face.side)

    def find_every(self, picture: Picture) -> list[Face]:
        """As `find`, but all tries are made: small faces beside a large one are found as well.

        Of a face that several tries see, the widest view's mesh is kept; a face that the edge of a
        tile cuts is left to another tile.
        """
        kept = self._detect(picture) or self.find_padded(picture)
        if min(picture.shape[:2]) >= SMALLEST_TILED:
            for tile, left, top in (t for grid in (*GRIDS, FINEST) for t in _tiles(picture, *grid)):
                seen = self._detect(tile, left, top)
                whole = [face for face in seen if _is_inside(face, left, top, tile)]
                kept += [face for face in whole if all(_apart(face, other) for other in kept)]
        return sorted(kept, key=lambda face: -face.side)

    def find_padded(self, picture: Picture) -> list[Face]:
        """The faces of the picture inside a border of its mean colour, in pixels of the picture."""
        border = round(PADDING * max(picture.shape[:2]))
        padded = cv2.copyMakeBorder(
            picture, *(border,) * 4, cv2.BORDER_CONSTANT, value=cv2.mean(picture)
        )
        return self._detect(np.asarray(padded), -border, -border)

    def _detect(self, picture: Picture, left: int = 0, top: int = 0) -> list[Face]:
        """The faces of a picture, or of a part of one that begins at `left` and `top`."""
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture)
        )
        seen = self._landmarker.detect(image)
        size, corner = np.array(picture.shape[1::-1]), np.array([left, top])
        return [
            Face(np.array([(p.x, p.y) for p in mesh]) * size + corner, *_pose(np.asarray(matrix)))
            for mesh, matrix in zip(
                seen.face_landmarks, seen.facial_transformation_matrixes, strict=True
            )
        ]

    def close(self) -> None:
        """Release the model."""
        self._landmarker.close()


def _pose(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Degrees of yaw, pitch and roll of a pose matrix (4, 4), y up and z towards the camera."""
    return (
        degrees(atan2(rotation[0, 2], float(np.hypot(rotation[1, 2], rotation[2, 2])))),
        degrees(atan2(-rotation[1, 2], rotation[2, 2])),
        degrees(atan2(-rotation[0, 1], rotation[0, 0])),
    )


def _tiles(picture: Picture, count: int, share: float) -> Iterator[tuple[Picture, int, int]]:
    """`count` x `count` overlapping tiles, each with its left and top in the picture."""
    height, width = picture.shape[:2]
    tall, wide = round(share * height), round(share * width)
    for row, column in product(range(count), repeat=2):
        top, left = row * (height - tall) // (count - 1), column * (width - wide) // (count - 1)
        yield picture[top : top + tall, left : left + wide], left, top


def _distinct(faces: list[Face]) -> list[Face]:
    """Faces seen in several tiles once: the larger of two whose centres are close."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda each: -each.side):
        if all(_apart(face, other) for other in kept):
            kept.append(face)
    return kept


def _apart(face: Face, other: Face) -> bool:
    """Whether these are two faces: neither's centre lies within the other."""
    distance = np.linalg.norm(face.points.mean(axis=0) - other.points.mean(axis=0))
    return bool(distance > max(face.side, other.side) / 2)


def _is_inside(face: Face, left: int, top: int, tile: Picture) -> bool:
    """Whether the whole face lies in the tile."""
    low, high = face.points.min(axis=0), face.points.max(axis=0)
    height, width = tile.shape[:2]
    return bool((low >= [left, top]).all() and (high <= [left + width, top + height]).all())
