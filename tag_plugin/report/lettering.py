"""Text on pictures: one font of equal widths, so that a line's room is a number of characters."""

import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from tag_plugin.data.terminal import plain

FONT_SIZE: Final = 14
LINE_HEIGHT: Final = 19
"""Pixels from line to line at FONT_SIZE."""
_CHARACTER: Final = 0.605
"""Width of a character of the font, as a share of its size."""


@cache
def font(size: int = FONT_SIZE, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Mono, which comes with matplotlib: Latin, Greek and Cyrillic letters, arrows."""
    name = f"DejaVuSansMono{'-Bold' if bold else ''}.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def wrapped(text: str, width: int, size: int = FONT_SIZE) -> list[str]:
    """The text in lines of at most `width` pixels; what continues a line is indented.

    >>> wrapped("one two three", 60)
    ['one two', '  three']
    """
    room = max(8, int(width / (size * _CHARACTER)))
    return [
        piece
        for line in text.splitlines()
        for piece in (textwrap.wrap(plain(line), room, subsequent_indent="  ") or [""])
    ]


def write_lines(page: Image.Image, lines: Sequence[str], left: int, top: int) -> None:
    """Write lines of text in black, the first of them bold."""
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        corner = (left, top + number * LINE_HEIGHT)
        draw.text(corner, line, "black", font=font(bold=number == 0))
