"""The face frame on disk: one 448x448 RGB file a face, written once and read by everyone."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat

from tag_plugin.facs.boxes import FACE_FRAME

JPEG_QUALITY: Final = 95
Crop = tuple[int, int, int, int]
"""Pixels x1, y1, x2, y2 of a source picture; may reach beyond its edges."""


class ImageError(ValueError):
    """A picture that cannot be used; the message names the file."""


def load_face(path: Path, crop: Crop | None = None) -> Image.Image:
    """A source picture as a face frame: (448, 448) RGB.

    The crop (or the whole picture) is made square by a border of its mean colour and resized:
    bicubic for an enlargement, Lanczos for a reduction.

    Raises:
        ImageError: missing, or not a readable picture.
    """
    return _frame(_decoded(path), crop)


def read_face(path: Path) -> NDArray[np.uint8]:
    """A face frame that `prepare` wrote, as (448, 448, 3) RGB.

    Raises:
        ImageError: missing, unreadable, or of another size.
    """
    picture = _decoded(path)
    if picture.size != (FACE_FRAME, FACE_FRAME):
        raise ImageError(
            f"{path} is {picture.width}x{picture.height}, not the {FACE_FRAME}x{FACE_FRAME} face "
            "frame; next: `tag-plugin prepare` writes the frames"
        )
    return np.array(picture.convert("RGB"))


def write_face(path: Path, face: Image.Image) -> None:
    """Write a face frame as JPEG (quality 95, 4:4:4), so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    face.save(partial, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    partial.replace(path)


def _decoded(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            picture.load()
            return ImageOps.exif_transpose(picture)
    # Pillow reports a broken PNG as SyntaxError and a picture that is a bomb as its own error.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise ImageError(f"{path}: {reason}") from None


def _frame(picture: Image.Image, crop: Crop | None) -> Image.Image:
    picture = picture.convert("L" if picture.mode in {"1", "L"} else "RGB")
    if crop is not None:
        picture = picture.crop(crop)
    side = max(picture.size)
    if picture.width != picture.height:
        mean = tuple(round(value) for value in ImageStat.Stat(picture).mean)
        picture = ImageOps.pad(picture, (side, side), color=mean if len(mean) > 1 else mean[0])
    method = Image.Resampling.BICUBIC if side <= FACE_FRAME else Image.Resampling.LANCZOS
    return picture.resize((FACE_FRAME, FACE_FRAME), method).convert("RGB")
