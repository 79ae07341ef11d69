"""From a source picture to its face frame: which part of the picture the frame shows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import imagehash
import numpy as np
from PIL import Image

from tag_plugin.data.face_frame import BOX_OUTSIDE, Crop, ImageError, face_frame
from tag_plugin.data.rows import NO_FACE, FrameInfo
from tag_plugin.data.source import Pictures
from tag_plugin.pipeline.face_finder import Face, FaceFinder

ALREADY_A_FACE: Final = 0.55
"""A face mesh over this share of a picture's larger side: the picture is a face, not a scene."""
LEAST_INSIDE: Final = 0.25
"""A box that a dataset gives has at least this share of its area inside the picture."""
_NOWHERE: Final = "nor inside a border, nor in its tiles"
LARGEST_SEARCHED: Final = 2048
"""Faces are looked for in a larger picture at this side: memory and time stay bounded."""


class Frame(StrEnum):
    """What to do with a picture whose face the dataset does not locate."""

    AUTO = "auto"
    """Look for the face, unless the dataset's pictures are faces."""
    FIND = "find"
    """Look for the face in every picture."""
    WHOLE = "whole"
    """Take every picture as it is."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How frames are made.

    Attributes:
        frame: whether faces are looked for.
        margin: what is kept around the face on each side, as a share of the face's size.
        align: turn the picture until the eyes are level; looks for the face in every picture that
            the dataset does not crop itself.
    """

    frame: Frame = Frame.AUTO
    margin: float = 0.25
    align: bool = False

    def looks(self, pictures: Pictures) -> bool:
        """Whether faces are looked for in such pictures."""
        wanted = self.align or self.frame is Frame.FIND or pictures is not Pictures.FACES
        return wanted and self.frame is not Frame.WHOLE


DEFAULT_FRAMING: Final = Framing()


@dataclass(slots=True)
class Framer:
    """Makes the frames of one dataset; the face finder is opened when it is first needed."""

    framing: Framing
    pictures: Pictures
    open_finder: Callable[[], FaceFinder] = FaceFinder
    finder: FaceFinder | None = None

    def frame(self, picture: Image.Image, crop: Crop | None) -> tuple[Image.Image, FrameInfo]:
        """The face frame of a picture, (448, 448) RGB, and how it was made.

        Raises:
            ImageError: a face is needed and none is found, or `crop` does not fit the picture.
        """
        if crop is not None:
            _require_inside(picture, crop)
            return _framed(picture, crop, "given")
        if not self.framing.looks(self.pictures):
            return _framed(picture, None, "whole")
        return self._looked_for(picture.convert("RGB"))

    def close(self) -> None:
        """Release the face finder."""
        if self.finder is not None:
            self.finder.close()

    def every_face(self, picture: Image.Image) -> list[tuple[Image.Image, FrameInfo, Crop | None]]:
        """The frame of each face of a picture, the largest first, and the square that it shows.

        The square is None where the frame shows the whole picture.

        Raises:
            ImageError: no face is found.
        """
        picture = picture.convert("RGB")
        faces = self._found(picture, every=True)
        if not faces:
            raise ImageError(_NOWHERE, NO_FACE)
        if self._fills(faces[0].points, picture):
            return [(*_framed(picture, None, "whole", faces=len(faces), angle=0.0), None)]
        squares = [_square(face.points, self.framing.margin) for face in faces]
        info = {"faces": len(faces), "angle": 0.0}
        return [(*_framed(picture, square, "found", **info), square) for square in squares]

    def _looked_for(self, picture: Image.Image) -> tuple[Image.Image, FrameInfo]:
        faces = self._found(picture)
        if not faces:
            if self.pictures is Pictures.FACES:  # asked to align it: it cannot be, and stays
                return _framed(picture, None, "whole", faces=0)
            raise ImageError(_NOWHERE, NO_FACE)
        info, points = {"faces": len(faces), "angle": 0.0}, faces[0].points
        if self.framing.align:
            info["angle"] = round(faces[0].eye_angle, 1)
            picture, points = _levelled(picture, faces[0])
        if self._fills(points, picture):
            return _framed(picture, None, "whole", **info)
        return _framed(picture, _square(points, self.framing.margin), "found", **info)

    def _found(self, picture: Image.Image, *, every: bool = False) -> list[Face]:
        self.finder = self.finder or self.open_finder()
        return _faces(self.finder.find_every if every else self.finder.find, picture)

    def _fills(self, points: "np.ndarray[Any, Any]", picture: Image.Image) -> bool:
        """Whether the picture is a face already, and may be taken as one."""
        fills = np.ptp(points, axis=0).max() >= ALREADY_A_FACE * max(picture.size)
        return bool(fills) and self.framing.frame is not Frame.FIND


def perceptual_hash(frame: Image.Image) -> str:
    """PHash of a picture as 16 hexadecimal digits: 64 signs of its 8x8 lowest frequencies.

    Source: the imagehash package; Zauner, "Implementation and benchmarking of perceptual image
    hash functions", 2010.
    """
    return str(imagehash.phash(frame))


def _faces(find: Callable[[Any], list[Face]], picture: Image.Image) -> list[Face]:
    """The faces of an RGB picture, in its pixels; a large picture is reduced for the search."""
    scale = max(picture.size) / LARGEST_SEARCHED
    if scale <= 1:
        return find(np.asarray(picture))
    size = (max(1, round(picture.width / scale)), max(1, round(picture.height / scale)))
    reduced = np.asarray(picture.resize(size, Image.Resampling.BOX))
    return [replace(face, points=face.points * scale) for face in find(reduced)]


def _require_inside(picture: Image.Image, crop: Crop) -> None:
    """A box from a dataset's file that is mostly border is a wrong box.

    Raises:
        ImageError: less than LEAST_INSIDE of it lies in the picture.
    """
    width = max(0, min(crop[2], picture.width) - max(crop[0], 0))
    height = max(0, min(crop[3], picture.height) - max(crop[1], 0))
    if width * height < LEAST_INSIDE * (crop[2] - crop[0]) * (crop[3] - crop[1]) or not width:
        raise ImageError(f"box {crop}, picture of {picture.size} pixels", BOX_OUTSIDE)


def _framed(
    picture: Image.Image,
    crop: Crop | None,
    how: Any,  # noqa: ANN401 - one of FrameInfo's words, checked there
    **info: Any,  # noqa: ANN401 - FrameInfo's other fields
) -> tuple[Image.Image, FrameInfo]:
    frame = face_frame(picture, crop)
    side = max(picture.size) if crop is None else max(crop[2] - crop[0], crop[3] - crop[1])
    return frame, FrameInfo(side=side, how=how, phash=perceptual_hash(frame), **info)


def _square(points: "np.ndarray[Any, Any]", margin: float) -> Crop:
    """The square around a mesh (n, 2) with a margin on each side."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = float((high - low).max()) * (0.5 + margin)
    x, y = (low + high) / 2
    return (round(x - half), round(y - half), round(x + half), round(y + half))


def _levelled(picture: Image.Image, face: Face) -> tuple[Image.Image, "np.ndarray[Any, Any]"]:
    """The picture turned about the face's centre until the eyes are level, and the mesh there."""
    centre = (face.points.min(axis=0) + face.points.max(axis=0)) / 2
    angle = np.radians(face.eye_angle)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = picture.rotate(
        face.eye_angle,
        Image.Resampling.BICUBIC,
        center=tuple(centre),
        fillcolor=tuple(round(value) for value in np.asarray(picture).mean(axis=(0, 1))),
    )
    return turned, (face.points - centre) @ turn.T + centre
