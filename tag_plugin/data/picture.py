"""The one way to open a picture: what cannot be used is named, with a reason.

Formats go by a list, so that no other program is ever started; size, kind and packing are looked at
in the header, before memory is taken for the pixels.
"""

import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from PIL import ExifTags, Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

FORMATS: Final = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is decoded. The rest of Pillow's readers (PostScript and the like) stay out of reach."""

MAX_PIXELS: Final = 80_000_000
"""A picture with more is not decoded: it would take gigabytes."""
FREE_PIXELS: Final = 16_000_000
"""A picture with more must fill its file: no small file takes hundreds of megabytes."""
PIXELS_A_BYTE: Final = 16
"""Of a picture with more than FREE_PIXELS. A photograph has one or two."""

MODES: Final = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "La", "RGBa", "YCbCr"})
"""Pillow's modes that become RGB without a colour profile."""

UNREADABLE, EMPTY, OUTSIDE, NOT_A_FILE, BAD_NAME = (
    "image missing or unreadable",
    "empty file",
    "links to a place outside the dataset",
    "not a regular file",
    "control character in the file name",
)
TOO_LARGE, ANIMATED, CMYK, DEEP, COLOURS = (
    "too many pixels",
    "more than one picture in the file",
    "CMYK picture",
    "16 bits a pixel or more",
    "colours that are not RGB",
)

_JPEG_START: Final = b"\xff\xd8\xff"
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
"""TIFF's tags: a tile is decoded whole, however small the picture is."""
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's orientation -> what turns the picture upright."""


class ImageError(ValueError):
    """A picture that cannot be used; the message names the file, `reason` is a fixed phrase."""

    def __init__(self, message: str, reason: str = UNREADABLE) -> None:
        super().__init__(message)
        self.reason = reason


def open_picture(path: Path, root: Path | None = None, enough: int | None = None) -> Image.Image:
    """A picture, decoded and turned upright as its EXIF says.

    A phone's JPEG with a second picture behind the first (MPO, a gain map) gives the first.

    Args:
        path: the file.
        root: the file must lie inside it, links followed; anywhere when None.
        enough: a JPEG with larger sides may be decoded at a fraction of its size, not below this.

    Raises:
        ImageError: whatever is wrong with it, as one of the reasons of this module.
    """
    check_file(path, root)
    with _broken_as_image_error(str(path)), path.open("rb") as file:
        return decode_picture(file, str(path), enough)


def decode_picture(file: BinaryIO, name: str, enough: int | None = None) -> Image.Image:
    """A picture from its bytes, turned upright; `name` is for messages.

    Raises:
        ImageError: as `open_picture`.
    """
    with _header(file, name) as picture, whole_pictures_only():
        if enough is not None:
            picture.draft("RGB", (enough, enough))
        picture.load()
        return _upright(picture)


def picture_size(path: Path, root: Path | None = None) -> tuple[int, int]:
    """Width and height by the header, as the picture lies in the file; nothing is decoded.

    Raises:
        ImageError: as `open_picture`, as far as the header shows it.
    """
    check_file(path, root)
    with (
        _broken_as_image_error(str(path)),
        path.open("rb") as file,
        _header(file, str(path)) as picture,
    ):
        return picture.size


def whole_size(content: bytes, name: str) -> tuple[int, int, str]:
    """Width, height and mode of a picture that decodes to its end; `name` is for messages.

    A JPEG is read to its end, but at an eighth of its size.

    Raises:
        ImageError: as `open_picture`.
    """
    with _header(BytesIO(content), name) as picture, whole_pictures_only():
        described = (*picture.size, picture.mode)
        picture.draft("RGB", (1, 1))
        picture.load()
        return described


@contextmanager
def whole_pictures_only() -> Iterator[None]:
    """Pillow refuses a picture that is cut short, whatever another library has told it.

    lmms_eval/api/task.py lets it fill the rest with grey, for the whole process.
    """
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def check_name(name: str) -> None:
    """A file name that would break a line or a terminal is refused.

    Raises:
        ImageError: it has a control character or is not UTF-8.
    """
    if re.search(r"[\x00-\x1f\x7f-\x9f]", name):
        raise ImageError(f"{name!r}: rename it", BAD_NAME)
    if re.search(r"[\ud800-\udfff]", name):
        raise ImageError(f"{name!r}: not UTF-8, rename it", BAD_NAME)


def check_file(path: Path, root: Path | None = None) -> None:
    """A file that is a file, not empty, and inside `root` with links followed.

    Raises:
        ImageError: it is not.
    """
    check_name(path.name)
    try:
        real = path.resolve(strict=True)
        status = real.stat()
    except (OSError, RuntimeError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error
        raise ImageError(f"{path}: {reason}") from None
    if root is not None and not real.is_relative_to(root.resolve()):
        raise ImageError(f"{path}: it is {real}; next: copy it into the dataset", OUTSIDE)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{path}: a folder, pipe or device", NOT_A_FILE)
    if status.st_size == 0:
        raise ImageError(f"{path}: cannot identify a picture in 0 bytes", EMPTY)


@contextmanager
def _header(file: BinaryIO, name: str) -> Iterator[Image.Image]:
    """The picture before it is decoded, once its header is known to be sound.

    A JPEG is opened as one picture: Pillow's own choice would make several pages of a phone's.
    """
    with _broken_as_image_error(name):
        jpeg, size = file.read(len(_JPEG_START)) == _JPEG_START, file.seek(0, SEEK_END)
        file.seek(0)
        with JpegImageFile(file) if jpeg else Image.open(file, formats=FORMATS) as picture:
            _check_size(name, picture, size)
            _check_kind(name, picture)
            yield picture


def _check_size(name: str, picture: Image.Image, size: int) -> None:
    pixels, sides = picture.width * picture.height, f"{picture.width}x{picture.height}"
    if pixels > MAX_PIXELS:
        raise ImageError(f"{name}: {sides} pixels, more than {MAX_PIXELS:,}", TOO_LARGE)
    if pixels > max(FREE_PIXELS, size * PIXELS_A_BYTE):
        raise ImageError(
            f"{name}: {sides} pixels in {size:,} bytes is no photograph; next: save it with fewer "
            f"than {FREE_PIXELS:,} pixels",
            TOO_LARGE,
        )
    tags = getattr(picture, "tag_v2", {})
    tile = _number(tags.get(_TILE_WIDTH)) * _number(tags.get(_TILE_HEIGHT))
    if tile > FREE_PIXELS:
        raise ImageError(f"{name}: {sides} pixels in tiles of {tile:,}", TOO_LARGE)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _check_kind(name: str, picture: Image.Image) -> None:
    mode = picture.mode
    animated = getattr(picture, "is_animated", False)  # only formats that can have several know it
    kinds = (
        (animated, "an animation, or a file of several pages", ANIMATED),
        (mode == "CMYK", "its colours need a printer's profile; convert it to RGB", CMYK),
        (mode[0] in "IF", f"mode {mode}; convert it to 8 bits", DEEP),
        (mode not in MODES, f"mode {mode}; convert it to RGB", COLOURS),
    )
    for unusable, words, reason in kinds:
        if unusable:
            raise ImageError(f"{name}: {words}", reason)


def _upright(picture: Image.Image) -> Image.Image:
    """The picture as its EXIF turns it; as it lies where the EXIF cannot be read."""
    try:
        turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, AttributeError, struct.error):
        turn = None  # Pillow's errors for EXIF that is cut short or points at nowhere
    return picture if turn is None else picture.transpose(turn)


@contextmanager
def _broken_as_image_error(path: str) -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(f"{path}: more than {MAX_PIXELS:,} pixels", TOO_LARGE) from None
    except MemoryError:
        raise ImageError(f"{path}: takes more memory than there is", TOO_LARGE) from None
    # Pillow reports a broken PNG as SyntaxError, a broken TIFF also as one of the last three.
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, struct.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{path}: {reason.removesuffix(f': {path!r}')}") from None
