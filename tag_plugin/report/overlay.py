"""One face with reference boxes and predicted boxes, the trace beside it."""

from collections.abc import Sequence
from typing import Final

from PIL import Image

from tag_plugin.data.terminal import one_line
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.report.lettering import LINE_HEIGHT, wrapped, write_lines
from tag_plugin.report.marked_face import Mark, marked_face
from tag_plugin.report.texts import excerpt
from tag_plugin.scoring.matching import Target
from tag_plugin.trace.claims import Claim

NAMES_WIDTH: Final = 170
PREDICTED_NAMES: Final = 90
"""Pixels for the names beside the face: "AU12 reference", "AU12"."""
LEGEND: Final = "Whole boxes: predicted. Corners alone: reference."
_PANEL_WIDTH: Final = 660
_MARGIN: Final = 14
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

    Predicted boxes are whole, reference boxes are their corners alone; the names stand beside the
    face. Of a very long text the beginning is written, and that it is cut.
    """
    marks = [*_marks(reference, " reference", corners=True), *_marks(predicted, " predicted")]
    marked = marked_face(face, marks, names_width=NAMES_WIDTH)
    room = _PANEL_WIDTH - 2 * _MARGIN
    body = _cut(wrapped(excerpt(text), room))
    lines = [*wrapped(one_line(title)[:_LONGEST_TITLE], room), "", *body, "", LEGEND]
    height = max(FACE_FRAME, len(lines) * LINE_HEIGHT + 2 * _MARGIN)
    page = Image.new("RGB", (marked.width + _PANEL_WIDTH, height), "white")
    page.paste(marked, (0, 0))
    write_lines(page, lines, marked.width + _MARGIN, _MARGIN)
    return page


def predicted_face(face: Image.Image, places: Sequence[Place]) -> Image.Image:
    """The face with a model's boxes, the numbers of their AUs beside it."""
    return marked_face(face, _marks(places), names_width=PREDICTED_NAMES)


def _marks(places: Sequence[Place], word: str = "", *, corners: bool = False) -> list[Mark]:
    return [
        Mark(place.au, place.box, f"AU{place.au or '?'}{word}", corners)
        for place in places
        if place.box is not None
    ]


def _cut(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"[cut: {len(lines) - _MOST_LINES} more lines are not shown]"]
