"""Small pictures of many faces, as text that fits into a page."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from os import cpu_count
from pathlib import Path
from typing import Final

from PIL import Image

from tag_plugin.data.face_frame import ImageError, open_face

_SIDES: Final = ((1_000, 224), (5_000, 160))
_SMALLEST: Final = 112
_QUALITY: Final = 72
_THREADS: Final = 4
"""At most; each may hold a whole picture."""


def thumbnail_side(count: int) -> int:
    """Pixels a side, so that a page of `count` faces stays light.

    >>> thumbnail_side(300), thumbnail_side(30_000)
    (224, 112)
    """
    return next((side for most, side in _SIDES if count <= most), _SMALLEST)


def thumbnails(paths: Sequence[Path], side: int) -> Iterator[str | None]:
    """Each picture as a square WebP in base64, in order; None for one that cannot be read.

    The threads work in parallel: Pillow lets go of the interpreter while it decodes.
    """
    with ThreadPoolExecutor(min(_THREADS, cpu_count() or 1)) as pool:
        yield from pool.map(lambda path: thumbnail(path, side), paths, chunksize=1)


def distinct(paths: Iterable[Path]) -> tuple[list[Path], list[int]]:
    """The different paths, and for each input its number among them."""
    numbers: dict[Path, int] = {}
    places = [numbers.setdefault(path, len(numbers)) for path in paths]
    return list(numbers), places


def thumbnail(path: Path, side: int) -> str | None:
    """A picture as a square WebP in base64; None where it cannot be read."""
    try:
        face = open_face(path, side)
    except ImageError:
        return None
    out = BytesIO()
    small = face.resize((side, side), Image.Resampling.LANCZOS)
    small.save(out, "WEBP", quality=_QUALITY, method=2)
    return b64encode(out.getvalue()).decode()
