"""Contact sheets: small pictures in groups, a caption below each and a title above each group."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

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


class Tile(Protocol):
    """A picture's file, and what is written below it."""

    @property
    def image(self) -> Path:
        """The file."""

    @property
    def caption(self) -> str:
        """A few words."""


class TileGroup(Protocol):
    """Tiles under a title."""

    @property
    def title(self) -> str:
        """The title."""

    @property
    def examples(self) -> Sequence[Tile]:
        """The tiles."""


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
    groups: Sequence[TileGroup],
    title: str,
    tile: int = TILE,
    columns: int = COLUMNS,
    picture: Callable[[Path], Image.Image] = open_tile,
) -> Image.Image:
    """All groups, one below the other, on a white page; tiles are `tile` pixels square."""
    shown = [group for group in groups if group.examples]
    rows = [-(-len(group.examples) // columns) for group in shown]
    line = tile + _CAPTION
    height = _TITLE + sum(_TITLE + count * line for count in rows)
    page = Image.new("RGB", (columns * tile, height + 4), "white")
    draw = ImageDraw.Draw(page)
    bold = ImageFont.load_default(_TITLE_FONT)
    small = ImageFont.load_default(_FONT)
    draw.text((6, 6), drawable(title), "black", font=bold)
    top = _TITLE
    for group, count in zip(shown, rows, strict=True):
        draw.text((6, top + 8), drawable(group.title), "#b2182b", font=bold)
        for number, each in enumerate(group.examples):
            left = number % columns * tile
            y = top + _TITLE + number // columns * line
            page.paste(picture(each.image).resize((tile - 2, tile - 2)), (left, y))
            room = max(_WIDEST_CAPTION, tile // 6)
            draw.text((left + 2, y + tile), drawable(each.caption)[:room], "black", font=small)
        top += _TITLE + count * line
    return page


def write_sheet(page: Image.Image, path: Path) -> None:
    """Write a page as PNG in one step."""
    with atomic_write(path) as partial:
        page.save(partial, format="PNG")


def drawable(text: str) -> str:
    """Only what the built-in font can draw, on one line."""
    return "".join(character if 32 <= ord(character) < 127 else "?" for character in text)
