"""Boxes on the face frame, and the coordinate systems that models write them in.

A box is stored as integers 0..1000 relative to the 448x448 face frame. A model writes it in the
frame that its family was pre-trained on: `relative` (0..1000), `absolute` (pixels, 0..448) or
`fraction` (0..1, three decimals), each of them x first or, with `_yxyx`, y first.
This is the only module that converts between them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator

FACE_FRAME: Final = 448
"""Side of the square face frame, in pixels: a fixed point of both hosts' image resizes."""

BOX_SCALE: Final = 1000
"""Stored boxes are integers 0..BOX_SCALE of the face frame."""


_FAR_OUTSIDE: Final = 1e9
"""No coordinate; such a number is not even rounded."""


class BoxFrame(StrEnum):
    """The coordinate system that a chat template's model family writes boxes in."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"
    FRACTION = "fraction"
    RELATIVE_YXYX = "relative_yxyx"
    ABSOLUTE_YXYX = "absolute_yxyx"
    FRACTION_YXYX = "fraction_yxyx"

    @property
    def y_first(self) -> bool:
        """Whether a box is written [y1, x1, y2, x2]."""
        return self in _X_FIRST

    @property
    def x_first(self) -> "BoxFrame":
        """The frame of the same coordinates that writes x before y."""
        return _X_FIRST.get(self, self)

    @property
    def extent(self) -> int:
        """The largest coordinate of the frame."""
        return _EXTENTS[self.x_first]

    @property
    def decimals(self) -> int:
        """How many decimals a coordinate is written with."""
        return 3 if self.x_first is BoxFrame.FRACTION else 0


_X_FIRST: Final[Mapping[BoxFrame, BoxFrame]] = {
    BoxFrame.RELATIVE_YXYX: BoxFrame.RELATIVE,
    BoxFrame.ABSOLUTE_YXYX: BoxFrame.ABSOLUTE,
    BoxFrame.FRACTION_YXYX: BoxFrame.FRACTION,
}
_EXTENTS: Final[Mapping[BoxFrame, int]] = {
    BoxFrame.RELATIVE: BOX_SCALE,
    BoxFrame.ABSOLUTE: FACE_FRAME,
    BoxFrame.FRACTION: 1,
}
GRIDS: Final = (BoxFrame.RELATIVE, BoxFrame.ABSOLUTE)
"""The frames that round a box differently: thousandths, which fractions are too, and pixels."""


class BoxProblem(StrEnum):
    """Why four numbers are not a box."""

    MALFORMED = "malformed"
    REVERSED = "reversed"
    OUT_OF_FRAME = "out of frame"


class BoxError(ValueError):
    """Something that is not a box; `problem` says why."""

    def __init__(self, values: object, problem: BoxProblem) -> None:
        super().__init__(f"{_shown(values)} is not a box: {problem}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Box:
    """A box on the face frame: integers 0..1000, x1 < x2 and y1 < y2.

    Raises:
        BoxError: reversed, empty or outside the frame.
    """

    x1: int
    y1: int
    x2: int
    y2: int

    def __post_init__(self) -> None:
        if not (0 <= self.x1 < self.x2 <= BOX_SCALE and 0 <= self.y1 < self.y2 <= BOX_SCALE):
            raise BoxError(self.as_tuple(), _problem(self.as_tuple(), BOX_SCALE))

    def as_tuple(self) -> tuple[int, int, int, int]:
        """(x1, y1, x2, y2)."""
        return (self.x1, self.y1, self.x2, self.y2)


def box_from_values(values: object) -> Box:
    """A stored box [x1, y1, x2, y2] as a `Box`; the reading half of the row schema.

    Whatever a file holds in place of the four numbers, the error is the same one.

    Raises:
        BoxError: not four whole numbers, reversed, empty or outside the frame.
    """
    if isinstance(values, Box):
        return values
    if isinstance(values, list | tuple) and len(values) == 4 and all(map(_is_whole, values)):
        return Box(*map(int, values))
    raise BoxError(values, BoxProblem.MALFORMED)


StoredBox = Annotated[
    Box,
    PlainValidator(box_from_values, json_schema_input_type=list[int]),
    PlainSerializer(lambda box: list(box.as_tuple()), return_type=list[int]),
]
"""A `Box` in a pydantic model, written to JSON as [x1, y1, x2, y2]."""


def to_pixels(box: Box) -> tuple[int, int, int, int]:
    """(x1, y1, x2, y2) in pixels of the face frame.

    Rounded to the nearest pixel; a box thinner than one keeps one.
    """
    x1, x2 = _pixel_span(box.x1, box.x2)
    y1, y2 = _pixel_span(box.y1, box.y2)
    return (x1, y1, x2, y2)


def to_frame(box: Box, frame: BoxFrame) -> tuple[float, float, float, float]:
    """The coordinates of `box` as a model of this frame writes them, in its order."""
    x1, y1, x2, y2 = to_pixels(box) if frame.x_first is BoxFrame.ABSOLUTE else box.as_tuple()
    values = (y1, x1, y2, x2) if frame.y_first else (x1, y1, x2, y2)
    if frame.x_first is not BoxFrame.FRACTION:
        return values
    first, second, third, fourth = values
    return (first / BOX_SCALE, second / BOX_SCALE, third / BOX_SCALE, fourth / BOX_SCALE)


def from_frame(values: Sequence[float], frame: BoxFrame) -> Box:
    """The box that a model of this frame meant by four numbers (floats are rounded).

    Raises:
        BoxError: not four finite numbers, reversed, empty, or outside the frame.
    """
    if len(values) != 4:
        raise BoxError(values, BoxProblem.MALFORMED)
    x1, y1, x2, y2 = values
    if frame.y_first:
        x1, y1, x2, y2 = y1, x1, y2, x2
    extent = frame.extent
    if not (0 <= x1 < x2 <= extent and 0 <= y1 < y2 <= extent):
        finite = all(abs(value) < _FAR_OUTSIDE for value in values)
        raise BoxError(values, _problem(values, extent) if finite else BoxProblem.MALFORMED)
    scale = BOX_SCALE / extent
    return Box(
        int(x1 * scale + 0.5), int(y1 * scale + 0.5), int(x2 * scale + 0.5), int(y2 * scale + 0.5)
    )


def snap(box: Box, frame: BoxFrame) -> Box:
    """The box as it survives being written and read back in this frame.

    The judge compares snapped references, so that a perfect answer scores exactly 1.
    """
    return from_frame(to_frame(box, frame), frame)


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    return overlap / (_area(first) + _area(second) - overlap)


def _area(box: Box) -> int:
    return (box.x2 - box.x1) * (box.y2 - box.y1)


def _is_whole(value: object) -> bool:
    """Whether this is a whole number that can be a coordinate; text and truth values are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _FAR_OUTSIDE and float(value).is_integer()


def _shown(values: object) -> str:
    """The values in a message: short, and whatever they are."""
    try:
        return repr(list(values) if isinstance(values, tuple) else values)[:120]
    except (ValueError, RecursionError):  # an int of more digits than Python prints, deep nesting
        return "what stands there"


def _problem(values: Sequence[float], extent: int) -> BoxProblem:
    """Why four finite numbers are no box."""
    outside = min(values) < 0 or max(values) > extent
    return BoxProblem.OUT_OF_FRAME if outside else BoxProblem.REVERSED


def _pixel_span(low: int, high: int) -> tuple[int, int]:
    first = (low * FACE_FRAME * 2 + BOX_SCALE) // (2 * BOX_SCALE)
    last = (high * FACE_FRAME * 2 + BOX_SCALE) // (2 * BOX_SCALE)
    if first == last:
        first = min(first, FACE_FRAME - 1)
        last = first + 1
    return first, last
