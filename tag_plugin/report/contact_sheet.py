"""Contact sheets: cards (a picture with its words) in groups, a title above each group."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.face_frame import ImageError, open_face
from tag_plugin.data.terminal import one_line
from tag_plugin.report.lettering import LINE_HEIGHT, font, wrapped, write_lines

TILE: Final = 176
TILE_COLUMNS: Final = 8
_CAPTION_LINES: Final = 3
_TITLE: Final = 40
_TITLE_FONT: Final = 19
_GAP: Final = 8

Card = Callable[[], Image.Image]
"""Draws one picture of a sheet when its turn has come."""


def open_tile(path: Path) -> Image.Image:
    """The picture of a tile; a cross where it cannot be opened."""
    try:
        return open_face(path)
    except ImageError:
        cross = Image.new("RGB", (TILE, TILE), "#dddddd")
        draw = ImageDraw.Draw(cross)
        draw.line((0, 0, TILE, TILE), "#999999")
        draw.line((0, TILE, TILE, 0), "#999999")
        return cross


def captioned(path: Path, caption: str) -> Image.Image:
    """A small face with a caption below it, its first line bold."""
    size = (TILE + _GAP, TILE + _CAPTION_LINES * LINE_HEIGHT + _GAP)
    page = Image.new("RGB", size, "white")
    page.paste(open_tile(path).resize((TILE, TILE), Image.Resampling.LANCZOS))
    write_lines(page, wrapped(caption, TILE)[:_CAPTION_LINES], 0, TILE + 2)
    return page


def sheet(groups: Mapping[str, Sequence[Card]], title: str, columns: int) -> Image.Image:
    """All groups (title -> cards), one below the other, on a white page.

    A group without cards is left out.
    """
    parts = [_heading(title, "black")]
    for name, cards in groups.items():
        if cards:
            parts += [_heading(name, "#b2182b"), grid((card() for card in cards), columns)]
    return grid(parts, columns=1)


def grid(pictures: Iterable[Image.Image], columns: int) -> Image.Image:
    """Pictures of any size in a grid of equal columns; a row is as high as its highest picture.

    Raises:
        ValueError: no pictures.
    """
    tiles = list(pictures)
    if not tiles:
        raise ValueError("a contact sheet needs at least one picture")
    rows = [tiles[first : first + columns] for first in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) for row in rows]
    width = max(tile.width for tile in tiles)
    page = Image.new("RGB", (width * min(columns, len(tiles)), sum(heights)), "white")
    for number, row in enumerate(rows):
        for column, tile in enumerate(row):
            page.paste(tile, (column * width, sum(heights[:number])))
    return page


def write_sheet(page: Image.Image, path: Path) -> Path:
    """Write a page as PNG in one step; returns `path`."""
    with atomic_write(path) as partial_file:
        page.save(partial_file, format="PNG")
    return path


def _heading(text: str, colour: str) -> Image.Image:
    line = one_line(text)
    page = Image.new("RGB", (int(font(_TITLE_FONT).getlength(line)) + 2 * _GAP, _TITLE), "white")
    draw = ImageDraw.Draw(page)
    draw.text((_GAP, _TITLE / 2), line, colour, font=font(_TITLE_FONT, bold=True), anchor="lm")
    return page
