"""Contact sheets: small pictures in groups, a caption below each and a title above each group."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.face_frame import ImageError, open_face

TILE: Final = 112
COLUMNS: Final = 16
_CAPTION: Final = 16
_TITLE: Final = 30
_FONT: Final = 10
_TITLE_FONT: Final = 16
_WIDEST_CAPTION: Final = 20


Tile = tuple[Callable[[], Image.Image], str]
"""What opens a picture, and what is written below it."""


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


def sheet(
    groups: Mapping[str, Sequence[Tile]], title: str, tile: int = TILE, columns: int = COLUMNS
) -> Image.Image:
    """All groups (title -> tiles), one below the other, on a white page.

    Tiles are `tile` pixels square; a group without tiles is left out.
    """
    rows = {name: -(-len(tiles) // columns) for name, tiles in groups.items() if tiles}
    line = tile + _CAPTION
    height = _TITLE + sum(_TITLE + count * line for count in rows.values())
    page = Image.new("RGB", (columns * tile, height + 4), "white")
    draw = ImageDraw.Draw(page)
    bold, small = ImageFont.load_default(_TITLE_FONT), ImageFont.load_default(_FONT)
    draw.text((6, 6), drawable(title), "black", font=bold)
    top = _TITLE
    for name, count in rows.items():
        draw.text((6, top + 8), drawable(name), "#b2182b", font=bold)
        for number, (open_picture, caption) in enumerate(groups[name]):
            left, y = number % columns * tile, top + _TITLE + number // columns * line
            page.paste(open_picture().resize((tile - 2, tile - 2)), (left, y))
            room = max(_WIDEST_CAPTION, tile // 6)
            draw.text((left + 2, y + tile), drawable(caption)[:room], "black", font=small)
        top += _TITLE + count * line
    return page


def write_sheet(page: Image.Image, path: Path) -> Path:
    """Write a page as PNG in one step; returns `path`."""
    with atomic_write(path) as partial:
        page.save(partial, format="PNG")
    return path


def drawable(text: str) -> str:
    """Only what the built-in font can draw, on one line."""
    return "".join(character if 32 <= ord(character) < 127 else "?" for character in text)
