"""The face frame on disk: one 448x448 RGB file a face, written once and read by everyone."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.picture import TOO_LARGE, ImageError, check_file, open_picture, whole_size
from tag_plugin.facs.boxes import FACE_FRAME

__all__ = [
    "Crop",
    "ImageError",
    "face_file",
    "face_frame",
    "open_face",
    "read_face",
    "write_face",
]

JPEG_QUALITY: Final = 95
BOX_OUTSIDE: Final = "the face box lies outside the picture"
NOT_A_FRAME: Final = "not a face frame"
LARGEST_SQUARE: Final = 4096
"""A crop or border with a larger side is made at this side: its memory is bounded."""
LARGEST_FILE: Final = 16_000_000
"""Bytes; a face frame has at most some hundred thousand."""
Crop = tuple[int, int, int, int]
"""Pixels x1, y1, x2, y2 of a source picture; may reach beyond its edges."""


def face_frame(picture: Image.Image, crop: Crop | None = None) -> Image.Image:
    """A picture as a face frame: (448, 448) RGB.

    The crop (or the whole picture) is made square by a border of its mean colour and resized:
    bicubic for an enlargement, Lanczos for a reduction.

    Raises:
        ImageError: the crop lies outside the picture.
    """
    picture = picture.convert("L" if picture.mode in {"1", "L"} else "RGB")
    picture = _cropped(picture, crop or (0, 0, *picture.size))
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
        raise _no_frame(path, *picture.size, picture.mode)
    return np.array(picture.convert("RGB"))


def face_file(path: Path) -> bytes:
    """The bytes of a face frame that `prepare` wrote, once they are known to decode to their end.

    Raises:
        ImageError: missing, unreadable, or (NOT_A_FRAME) no 448x448 RGB picture.
    """
    check_file(path)
    if path.stat().st_size > LARGEST_FILE:
        raise ImageError(f"{path}: {path.stat().st_size:,} bytes", TOO_LARGE)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    described = whole_size(content, str(path))
    if described != (FACE_FRAME, FACE_FRAME, "RGB"):
        raise _no_frame(path, *described)
    return content


def open_face(path: Path, enough: int | None = None) -> Image.Image:
    """A picture of any size in RGB, to look at; `enough` as in `open_picture`.

    Raises:
        ImageError: missing, or no picture that can be used.
    """
    picture = open_picture(path, enough=enough)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _no_frame(path: Path, width: int, height: int, mode: str) -> ImageError:
    return ImageError(
        f"{path} is {width}x{height} {mode}, not a {FACE_FRAME}x{FACE_FRAME} RGB face frame; next: "
        "`tag-plugin prepare` writes the frames",
        NOT_A_FRAME,
    )


def write_face(path: Path, face: Image.Image) -> None:
    """Write a face frame as JPEG (quality 95, 4:4:4), so that a reader never sees half a file."""
    with atomic_write(path) as partial:
        face.save(partial, format="JPEG", quality=JPEG_QUALITY, subsampling=0)


def _cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    """The crop; what lies beyond the picture's edges gets the mean colour of what is inside."""
    x1, y1, x2, y2 = crop
    inside = (max(x1, 0), max(y1, 0), min(x2, picture.width), min(y2, picture.height))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise ImageError(f"box {crop}, picture of {picture.size} pixels", BOX_OUTSIDE)
    part = picture if inside == (0, 0, *picture.size) else picture.crop(inside)
    width, height, left, top = x2 - x1, y2 - y1, inside[0] - x1, inside[1] - y1
    scale = LARGEST_SQUARE / max(width, height)
    if scale < 1 and not width == height == part.width == part.height:
        size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
        part = part.resize(size, Image.Resampling.LANCZOS)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = round(left * scale), round(top * scale)
    if (width, height) == part.size:
        return part
    frame = Image.new(picture.mode, (width, height), _mean(part))
    frame.paste(part, (left, top))
    return frame


def _mean(picture: Image.Image) -> int | tuple[int, ...]:
    mean = tuple(round(value) for value in ImageStat.Stat(picture).mean)
    return mean if len(mean) > 1 else mean[0]
