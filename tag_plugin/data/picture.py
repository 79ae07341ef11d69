"""Opening a source picture without trusting it: what cannot be used is named, with a reason."""

import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, ImageFile, ImageOps

FORMATS: Final = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is decoded. The rest of Pillow's readers (PostScript and the like) stay out of reach."""

MAX_PIXELS: Final = 80_000_000
"""A picture with more is not decoded: it would take gigabytes."""

UNREADABLE, EMPTY, OUTSIDE, NOT_A_FILE, BAD_NAME = (
    "image missing or unreadable",
    "empty file",
    "links to a place outside the dataset",
    "not a regular file",
    "control character in the file name",
)
TOO_LARGE, ANIMATED, CMYK, DEEP = (
    "too many pixels",
    "more than one picture in the file",
    "CMYK picture",
    "16 bits a pixel or more",
)


class ImageError(ValueError):
    """A picture that cannot be used; the message names the file, `reason` is a fixed phrase."""

    def __init__(self, message: str, reason: str = UNREADABLE) -> None:
        super().__init__(message)
        self.reason = reason


def open_picture(path: Path, root: Path | None = None) -> Image.Image:
    """A picture, decoded and turned upright as its EXIF says.

    Args:
        path: the file.
        root: the file must lie inside it, links followed; anywhere when None.

    Raises:
        ImageError: whatever is wrong with it, as one of the reasons of this module.
    """
    check_file(path, root)
    with _broken_as_image_error(str(path)), path.open("rb") as file:
        return decode_picture(file, str(path))


def decode_picture(file: BinaryIO, name: str) -> Image.Image:
    """A picture from its bytes, turned upright; `name` is for messages.

    Raises:
        ImageError: as `open_picture`.
    """
    with _broken_as_image_error(name), Image.open(file, formats=FORMATS) as picture:
        _check_header(name, picture)
        with whole_pictures_only():
            picture.load()
        return ImageOps.exif_transpose(picture)


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
    if any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in name):
        raise ImageError(f"{name!r}: rename it", BAD_NAME)
    if any(0xD800 <= ord(character) <= 0xDFFF for character in name):
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
        missing = isinstance(error, FileNotFoundError)
        raise ImageError(f"{path}: {'no such file' if missing else error}") from None
    if root is not None and not real.is_relative_to(root.resolve()):
        raise ImageError(f"{path}: it is {real}; next: copy it into the dataset", OUTSIDE)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{path}: a folder, pipe or device", NOT_A_FILE)
    if status.st_size == 0:
        raise ImageError(f"{path}: cannot identify a picture in 0 bytes", EMPTY)


def _check_header(path: str, picture: Image.Image) -> None:
    size = f"{picture.width}x{picture.height}"
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(f"{path}: {size} pixels, more than {MAX_PIXELS:,}", TOO_LARGE)
    if getattr(picture, "n_frames", 1) > 1:  # only the formats that can have several know it
        raise ImageError(f"{path}: an animation, or a file of several pages", ANIMATED)
    if picture.mode == "CMYK":
        raise ImageError(f"{path}: its colours need a printer's profile; convert it to RGB", CMYK)
    if picture.mode[0] in "IF":
        raise ImageError(f"{path}: mode {picture.mode}; convert it to 8 bits", DEEP)


@contextmanager
def _broken_as_image_error(path: str) -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(f"{path}: more than {MAX_PIXELS:,} pixels", TOO_LARGE) from None
    # Pillow reports a broken PNG as SyntaxError, a broken TIFF also as one of the last three.
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, struct.error) as error:
        raise ImageError(f"{path}: {error}") from None
