"""The face frame on disk: one 448x448 RGB file a face, written once and read by everyone."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.picture import ImageError, open_picture
from tag_plugin.facs.boxes import FACE_FRAME

__all__ = ["Crop", "ImageError", "face_frame", "load_face", "read_face", "write_face"]

JPEG_QUALITY: Final = 95
BOX_OUTSIDE: Final = "the face box lies outside the picture"
Crop = tuple[int, int, int, int]
"""Pixels x1, y1, x2, y2 of a source picture; may reach beyond its edges."""


def load_face(path: Path, crop: Crop | None = None, root: Path | None = None) -> Image.Image:
    """A source picture as a face frame: (448, 448) RGB.

    Raises:
        ImageError: missing, outside `root`, or not a picture that can be used.
    """
    return face_frame(open_picture(path, root), crop)


def face_frame(picture: Image.Image, crop: Crop | None = None) -> Image.Image:
    """A picture as a face frame: (448, 448) RGB.

    The crop (or the whole picture) is made square by a border of its mean colour and resized:
    bicubic for an enlargement, Lanczos for a reduction.
    """
    picture = picture.convert("L" if picture.mode in {"1", "L"} else "RGB")
    if crop is not None:
        picture = _cropped(picture, crop)
    side = max(picture.size)
    if picture.width != picture.height:
        picture = ImageOps.pad(picture, (side, side), color=_mean(picture))
    method = Image.Resampling.BICUBIC if side <= FACE_FRAME else Image.Resampling.LANCZOS
    return picture.resize((FACE_FRAME, FACE_FRAME), method).convert("RGB")


def read_face(path: Path) -> NDArray[np.uint8]:
    """A face frame that `prepare` wrote, as (448, 448, 3) RGB.

    Raises:
        ImageError: missing, unreadable, or of another size.
    """
    picture = open_picture(path)
    if picture.size != (FACE_FRAME, FACE_FRAME):
        raise ImageError(
            f"{path} is {picture.width}x{picture.height}, not the {FACE_FRAME}x{FACE_FRAME} face "
            "frame; next: `tag-plugin prepare` writes the frames"
        )
    return np.array(picture.convert("RGB"))


def write_face(path: Path, face: Image.Image) -> None:
    """Write a face frame as JPEG (quality 95, 4:4:4), so that a reader never sees half a file."""
    with atomic_write(path) as partial:
        face.save(partial, format="JPEG", quality=JPEG_QUALITY, subsampling=0)


def _cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    """The crop; what lies beyond the picture's edges gets the mean colour of what is inside."""
    inside = (
        max(crop[0], 0),
        max(crop[1], 0),
        min(crop[2], picture.width),
        min(crop[3], picture.height),
    )
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise ImageError(f"box {crop}, picture of {picture.size} pixels", BOX_OUTSIDE)
    part = picture.crop(inside)
    if inside == crop:
        return part
    frame = Image.new(picture.mode, (crop[2] - crop[0], crop[3] - crop[1]), _mean(part))
    frame.paste(part, (inside[0] - crop[0], inside[1] - crop[1]))
    return frame


def _mean(picture: Image.Image) -> int | tuple[int, ...]:
    mean = tuple(round(value) for value in ImageStat.Stat(picture).mean)
    return mean if len(mean) > 1 else mean[0]
