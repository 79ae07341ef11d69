"""The one way to draw a face with its Action Units: boxes on it, names beside it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import supervision as sv
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import FACE_FRAME, Box, to_pixels
from tag_plugin.facs.detections import Detection
from tag_plugin.report.au_colours import AU_COLOURS, UNKNOWN_AU_COLOUR, au_colour
from tag_plugin.report.lettering import LINE_HEIGHT, font

NAMES_WIDTH: Final = 336
"""Pixels beside the face: room for the longest name with a side and a probability."""

_THICK: Final = 3
_CORNER: Final = 26
_NAME_AT: Final = 30
_CHIP: Final = 12
_STEP: Final = 4
"""Pixels between boxes that would lie one upon the other."""

_PALETTE: Final = (*AU_COLOURS.values(), UNKNOWN_AU_COLOUR)
_DARK: Final = 110

Corners = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Mark:
    """An AU to draw.

    Attributes:
        au: its number; None where a box names none.
        box: where it is.
        words: stand beside the face.
        corners: draw the corners of the box alone, to tell two sets of boxes apart.
    """

    au: int | None
    box: Box
    words: str
    corners: bool = False


def detected_mark(detection: Detection) -> Mark:
    """A detection with its name, side and probability; 0.497 is 0.49, so that it is not on."""
    unit = action_unit(detection.au)
    side = f" {detection.side}" if detection.side else ""
    words = f"{unit.code} {unit.name}{side} {int(detection.probability * 100) / 100:.2f}"
    return Mark(detection.au, detection.box, words)


def marked_face(
    face: Image.Image,
    marks: Sequence[Mark],
    side: int = FACE_FRAME,
    names_width: int = NAMES_WIDTH,
) -> Image.Image:
    """The face, `side` pixels square, and `names_width` pixels of names to its right.

    A line in the AU's colour leads from each name to its box; nothing is written on the face.
    The face itself stays as it is.
    """
    frame = face.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    scale = side / FACE_FRAME
    corners = _apart([to_pixels(mark.box) for mark in marks]) * scale
    corners = corners.clip(_THICK // 2 + 1, side - _THICK // 2 - 2)
    for only_corners in (False, True):
        chosen = [number for number, mark in enumerate(marks) if mark.corners is only_corners]
        colours = [_PALETTE.index(au_colour(marks[number].au)) for number in chosen]
        frame = _with_boxes(frame, corners[chosen], colours, only_corners)
    page = Image.new("RGB", (side + names_width, side), "white")
    page.paste(frame, (0, 0))
    _write_names(page, marks, corners, side)
    return page


def _apart(boxes: Iterable[Corners]) -> NDArray[np.float64]:
    """The boxes (n, 4); of several equal ones each a few pixels inside the one before."""
    drawn: Counter[Corners] = Counter()
    moved = []
    for box in boxes:
        x1, y1, x2, y2 = box
        inset = min(_STEP * drawn[box], max(0, min(x2 - x1, y2 - y1) // 2 - 1))
        moved.append((x1 + inset, y1 + inset, x2 - inset, y2 - inset))
        drawn[box] += 1
    return np.array(moved, dtype=float).reshape(-1, 4)


def _with_boxes(
    frame: Image.Image, corners: NDArray[np.float64], colours: Sequence[int], only_corners: bool
) -> Image.Image:
    """The boxes (n, 4) in colours of the palette, on a rim that shows them on any face."""
    if not colours:
        return frame
    boxes = sv.Detections(xyxy=corners, class_id=np.array(colours))
    for palette, thickness in ((_RIMS, _THICK + 2), (_COLOURS, _THICK)):
        if only_corners:
            annotator = sv.BoxCornerAnnotator(palette, thickness, _CORNER)
        else:
            annotator = sv.BoxAnnotator(palette, thickness)
        # Given a PIL picture, supervision draws in RGB and returns a new one.
        frame = annotator.annotate(frame.copy(), boxes)
    return frame


def _write_names(
    page: Image.Image, marks: Sequence[Mark], corners: NDArray[np.float64], side: int
) -> None:
    """The words of each mark beside the face, from top to bottom as the boxes lie."""
    draw = ImageDraw.Draw(page)
    most = side // LINE_HEIGHT - 1
    order = sorted(range(len(marks)), key=lambda number: tuple(corners[number, [1, 3]]))
    named, left_out = order[:most], len(order) - most
    middles = [float(corners[number, [1, 3]].mean()) for number in named]
    for number, y in zip(named, _spread(middles, side), strict=True):
        mark, (_, top, right, bottom) = marks[number], corners[number]
        colour, rim = au_colour(mark.au), _rim(au_colour(mark.au))
        end = (int(right), int(min(max(y, top), bottom)))
        line = (end, (side + _NAME_AT - _CHIP - 4, int(y)))
        draw.line(line, rim, 4)
        draw.line(line, colour, 2)
        draw.circle(end, 4, colour, rim)
        chip = (side + _NAME_AT - _CHIP - 4, y - _CHIP / 2, side + _NAME_AT - 4, y + _CHIP / 2)
        draw.rectangle(chip, colour, "black")
        draw.text((side + _NAME_AT, y), mark.words, "black", font=font(), anchor="lm")
    if left_out > 0:
        corner = (side + _NAME_AT, side - LINE_HEIGHT / 2)
        draw.text(corner, f"and {left_out} more", "black", font=font(), anchor="lm")


def _spread(middles: Sequence[float], side: int) -> list[float]:
    """Ascending heights near those given, a line apart and inside the picture.

    >>> _spread([100, 101, 400], 448), _spread([440, 445], 448)
    ([100, 119, 400], [400.5, 419.5])
    """
    heights: list[float] = []
    for middle in middles:
        heights.append(max(middle, heights[-1] + LINE_HEIGHT if heights else LINE_HEIGHT / 2))
    lowest = side - 1.5 * LINE_HEIGHT
    for number in reversed(range(len(heights))):
        heights[number] = min(heights[number], lowest)
        lowest = heights[number] - LINE_HEIGHT
    return heights


def _rim(colour: str) -> str:
    """White around a dark colour, black around a light one."""
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return "#ffffff" if 0.3 * red + 0.59 * green + 0.11 * blue < _DARK else "#000000"


_COLOURS: Final = sv.ColorPalette.from_hex([*_PALETTE])
_RIMS: Final = sv.ColorPalette.from_hex([_rim(colour) for colour in _PALETTE])
