"""One face with reference boxes and predicted boxes in two colours, the trace beside it."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import supervision as sv
from PIL import Image, ImageDraw, ImageFont

from tag_plugin.data.terminal import one_line
from tag_plugin.facs.boxes import FACE_FRAME, BoxFrame, to_frame
from tag_plugin.report.texts import excerpt
from tag_plugin.scoring.matching import Target
from tag_plugin.trace.claims import Claim

REFERENCE_COLOUR: Final = sv.Color.from_hex("#1a9850")
PREDICTED_COLOUR: Final = sv.Color.from_hex("#d7301f")

_PANEL_WIDTH: Final = 620
_MARGIN: Final = 14
_FONT_SIZE: Final = 14
_LINE_HEIGHT: Final = 19
_WRAP: Final = 76
_MOST_LINES: Final = 200
_LONGEST_TITLE: Final = 140


Place = Claim | Target
"""Where an AU is; drawn where it has a box."""


def overlay(
    face: Image.Image,
    reference: Sequence[Place],
    predicted: Sequence[Place],
    title: str,
    text: str,
) -> Image.Image:
    """Draw both sets of boxes on the 448x448 face and write `title` and `text` beside it.

    Reference boxes are green with their names on top, predicted ones red with theirs below. Of a
    very long text the beginning is written, and that it is cut.
    """
    frame = face.convert("RGB").resize((FACE_FRAME, FACE_FRAME))
    frame = _draw(frame, reference, REFERENCE_COLOUR, sv.Position.TOP_LEFT)
    frame = draw_predicted(frame, predicted)
    lines = [one_line(title)[:_LONGEST_TITLE], "", *_wrapped(excerpt(text))]
    height = max(FACE_FRAME, (len(lines) + 3) * _LINE_HEIGHT + 2 * _MARGIN)
    page = Image.new("RGB", (FACE_FRAME + _PANEL_WIDTH, height), "white")
    page.paste(frame, (0, 0))
    _write(page, lines)
    return page


def draw_predicted(face: Image.Image, places: Sequence[Place]) -> Image.Image:
    """The face with a model's boxes, red with their names below; the face itself stays as it is."""
    return _draw(face, places, PREDICTED_COLOUR, sv.Position.BOTTOM_RIGHT)


def contact_sheet(pictures: Iterable[Image.Image], columns: int) -> Image.Image:
    """Paste pictures of any size into a grid of equal cells.

    Raises:
        ValueError: no pictures.
    """
    tiles = list(pictures)
    if not tiles:
        raise ValueError("a contact sheet needs at least one picture")
    width, height = max(t.width for t in tiles), max(t.height for t in tiles)
    size = width * min(columns, len(tiles)), height * -(-len(tiles) // columns)
    sheet = Image.new("RGB", size, "white")
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % columns * width, index // columns * height))
    return sheet


def _draw(
    frame: Image.Image,
    places: Sequence[Place],
    colour: sv.Color,
    position: sv.Position,
) -> Image.Image:
    """Boxes with the names of their AUs; "?" where the AU is not known."""
    boxes = [
        (f"AU{place.au}" if place.au else "?", place.box)
        for place in places
        if place.box is not None
    ]
    if not boxes:
        return frame
    corners = np.array([to_frame(box, BoxFrame.ABSOLUTE) for _, box in boxes], dtype=float)
    found = sv.Detections(xyxy=corners, class_id=np.arange(len(boxes)))
    label_annotator = sv.LabelAnnotator(
        color=colour, text_scale=0.38, text_padding=2, text_position=position
    )
    # Given a PIL picture, supervision draws in RGB and returns a new one.
    frame = sv.BoxAnnotator(color=colour, thickness=2).annotate(frame.copy(), found)
    labelled: Image.Image = label_annotator.annotate(frame, found, [name for name, _ in boxes])
    return labelled


def _wrapped(text: str) -> list[str]:
    lines = [
        piece
        for line in text.splitlines()
        for piece in (textwrap.wrap(line, _WRAP, subsequent_indent="    ") or [""])
    ]
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"[cut: {len(lines) - _MOST_LINES} more lines are not shown]"]


def _write(page: Image.Image, lines: Sequence[str]) -> None:
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(_FONT_SIZE)
    left = FACE_FRAME + _MARGIN
    for number, line in enumerate(lines):
        # The built-in font has no arrow glyph; the reader takes `->` for the same thing.
        draw.text(
            (left, _MARGIN + number * _LINE_HEIGHT), line.replace("→", "->"), "black", font=font
        )
    legend = page.height - _MARGIN - _LINE_HEIGHT
    draw.text((left, legend), "green: reference", REFERENCE_COLOUR.as_hex(), font=font)
    draw.text((left + 160, legend), "red: predicted", PREDICTED_COLOUR.as_hex(), font=font)
