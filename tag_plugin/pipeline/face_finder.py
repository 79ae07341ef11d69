"""Finding faces in a picture of any size, with MediaPipe's FaceLandmarker.

It is the same model that measures AUs, used for its mesh alone: where the face is, how the head is
turned, and whether the mesh can be trusted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import atan2, degrees
from typing import Any, Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.face_landmarker_model import find_model
from tag_plugin.detectors.quiet import quiet_stderr

PADDING: Final = 0.25
"""Border of the second try, as a share of the larger side: a face that fills the picture is missed
without one."""
GRIDS: Final = ((2, 0.6), (3, 0.42))
"""Overlapping tiles of the later tries: so many a side, each so large a share of it. The model
finds a face from about a fifth of the picture's height on, in the smallest tiles from a twelfth
on."""
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
    def box(self) -> tuple[float, float, float, float]:
        """The mesh's bounding box, x1, y1, x2, y2 in pixels."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    @property
    def side(self) -> float:
        """The larger side of the box, in pixels."""
        x1, y1, x2, y2 = self.box
        return max(x2 - x1, y2 - y1)

    @property
    def eye_angle(self) -> float:
        """Degrees by which the line through the eyes is turned clockwise."""
        right = self.points[list(RIGHT_EYE)].mean(axis=0)
        left = self.points[list(LEFT_EYE)].mean(axis=0)
        return degrees(atan2(left[1] - right[1], left[0] - right[0]))


class FaceFinder:
    """Finds every face; close it: `with FaceFinder() as finder`.

    Raises:
        DetectorError: mediapipe or its model is missing; the message says the next command.
    """

    def __init__(self, most_faces: int = MOST_FACES) -> None:
        self._mediapipe = _library()
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
                tiles = _tiles(picture, *grid)
                faces = _distinct([face for tile in tiles for face in self._in_tile(*tile)])
        return sorted(faces, key=lambda face: -face.side)

    def find_padded(self, picture: Picture) -> list[Face]:
        """The faces of the picture inside a border of its mean colour, in pixels of the picture."""
        border = round(PADDING * max(picture.shape[:2]))
        colour = cv2.mean(picture)
        sides = (border,) * 4
        padded = cv2.copyMakeBorder(picture, *sides, cv2.BORDER_CONSTANT, value=colour)
        return [_moved(face, -border, -border) for face in self._detect(np.asarray(padded))]

    def _in_tile(self, tile: Picture, left: int, top: int) -> list[Face]:
        return [_moved(face, left, top) for face in self._detect(tile)]

    def _detect(self, picture: Picture) -> list[Face]:
        height, width = picture.shape[:2]
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture)
        )
        found = self._landmarker.detect(image)
        meshes = zip(found.face_landmarks, found.facial_transformation_matrixes, strict=True)
        return [_face(mesh, np.asarray(matrix), width, height) for mesh, matrix in meshes]

    def close(self) -> None:
        """Release the model."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        """Open since construction."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def _face(mesh: Any, matrix: NDArray[np.float64], width: int, height: int) -> Face:  # noqa: ANN401 - MediaPipe's own type
    points = np.array([(point.x * width, point.y * height) for point in mesh])
    yaw, pitch, roll = _pose(matrix[:3, :3])
    return Face(points, yaw, pitch, roll)


def _pose(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Degrees of yaw, pitch and roll of a rotation matrix (3, 3), y up and z towards the camera."""
    yaw = degrees(atan2(rotation[0, 2], float(np.hypot(rotation[1, 2], rotation[2, 2]))))
    pitch = degrees(atan2(-rotation[1, 2], rotation[2, 2]))
    roll = degrees(atan2(-rotation[0, 1], rotation[0, 0]))
    return yaw, pitch, roll


def _moved(face: Face, x: int, y: int) -> Face:
    return Face(face.points + np.array([x, y]), face.yaw, face.pitch, face.roll)


def _tiles(picture: Picture, count: int, share: float) -> Iterator[tuple[Picture, int, int]]:
    """`count` x `count` overlapping tiles, each with its left and top in the picture."""
    height, width = picture.shape[:2]
    tall, wide = round(share * height), round(share * width)
    for row in range(count):
        for column in range(count):
            top = row * (height - tall) // (count - 1)
            left = column * (width - wide) // (count - 1)
            yield picture[top : top + tall, left : left + wide], left, top


def _distinct(faces: list[Face]) -> list[Face]:
    """Faces seen in several tiles once: the larger of two whose centres are close."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda each: -each.side):
        centres = [other.points.mean(axis=0) for other in kept]
        near = [np.linalg.norm(face.points.mean(axis=0) - centre) for centre in centres]
        if all(distance > face.side / 2 for distance in near):
            kept.append(face)
    return kept


def _library() -> Any:  # noqa: ANN401 - a module without type information
    try:
        import mediapipe
    except ImportError as error:
        raise DetectorError(
            f"looking for faces needs mediapipe ({error}); next: pip install "
            "'tag-plugin[mediapipe]', or take the pictures as they are with --frame whole"
        ) from error
    return mediapipe
