"""The faces of one table, a line at a time, in little memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.text_file import TextFileError, csv_rows
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.landmarks68 import LANDMARKS, landmark_boxes
from tag_plugin.detectors.regions import region_boxes
from tag_plugin.detectors.table_columns import (
    Column,
    Columns,
    Landmarks,
    Scale,
    TableError,
    columns_of,
)
from tag_plugin.facs.boxes import Box

SURE: Final = 0.5
"""A line whose confidence is below is no face."""

_FAR: Final = 1e5
"""Pixels; no landmark lies beyond."""

_NO_BOX: Final = (-1, -1, -1, -1)


@dataclass(frozen=True, slots=True)
class TableFace:
    """One line.

    Attributes:
        where: `file:line`.
        aus: the AUs of the table; empty where the line says that there is no face.
        probabilities: of each AU.
        corners: (AUs, 4), 0..1000: the boxes, -1 where a region lies outside the frame; None
            where the table's landmarks are not used.
        size: of the face; the largest of a picture is taken, and one with a problem before all.
        face: what tells it from the picture's other faces.
        frame: of a video.
        problem: why the line cannot be used.
    """

    where: str
    aus: tuple[int, ...] = ()
    probabilities: tuple[float, ...] = ()
    corners: NDArray[np.int16] | None = None
    size: float = -1.0
    face: tuple[str, ...] = ()
    frame: str = ""
    problem: str = ""

    def boxes(self) -> dict[int, Box]:
        """AU -> its box, from the table's landmarks."""
        if self.corners is None:
            return {}
        boxes = zip(self.aus, self.corners.tolist(), strict=True)
        return {au: Box(*box) for au, box in boxes if box[0] >= 0}

    def says_the_same(self, other: "TableFace") -> bool:
        """Whether the other line has the same values."""
        values = (self.aus, self.probabilities, self.problem, self.boxes())
        return values == (other.aus, other.probabilities, other.problem, other.boxes())


def table_header(path: Path, column: str | None) -> Columns:
    """What the first line of a table says.

    Raises:
        DetectorError: not a table of AUs; the message names the file and the next command.
    """
    try:
        where, header = next(iter(csv_rows(path)), (str(path), []))
        if not header:
            raise TableError("empty; next: write the table again")
        return columns_of(tuple(header), column)
    except TextFileError as error:
        raise DetectorError(str(error)) from None
    except OSError as error:
        raise DetectorError(f"{path}: cannot be read ({error.strerror})") from None
    except TableError as error:
        raise DetectorError(f"{where}: {error}") from None


def table_faces(path: Path, columns: Columns, side: int | None) -> Iterator[tuple[str, TableFace]]:
    """(the picture, where the table names it, the face) of every line below the header.

    Args:
        path: the table.
        columns: of its header.
        side: pixels of the square pictures that the tool saw; None: its landmarks are not used.

    Raises:
        DetectorError: a line that is no text, or has fewer or more fields than the header.
    """
    lines = csv_rows(path)
    next(lines)
    try:
        for where, fields in lines:
            if len(fields) != columns.count:
                raise DetectorError(
                    f"{where}: {len(fields)} fields, the header has {columns.count}; next: "
                    "write the table again, or take the line out"
                )
            picture = fields[columns.picture.index].strip() if columns.picture else ""
            yield picture, _face(fields, columns, where, side)
    except TextFileError as error:
        raise DetectorError(f"{error}; next: write the table again") from None


def _face(fields: Sequence[str], columns: Columns, where: str, side: int | None) -> TableFace:
    face = tuple(fields[each.index].strip() for each in columns.faces)
    frame = fields[columns.frame.index].strip() if columns.frame else ""
    try:
        if _no_face(fields, columns):
            return TableFace(where, face=face, frame=frame)
        probabilities = tuple(_probability(fields, *each) for each in columns.aus.values())
        size, corners = _extent(fields, columns, side)
    except TableError as error:
        return TableFace(where, size=inf, face=face, frame=frame, problem=str(error))
    return TableFace(where, tuple(columns.aus), probabilities, corners, size, face, frame)


def _no_face(fields: Sequence[str], columns: Columns) -> bool:
    if columns.success and not _number(fields, columns.success, 0, 1):
        return True
    if columns.confidence is None:
        return False
    if all(_blank(fields[column.index]) for column, _ in columns.aus.values()):
        return _blank(fields[columns.confidence.index])
    return _number(fields, columns.confidence, 0, 1) < SURE


def _probability(fields: Sequence[str], column: Column, scale: Scale) -> float:
    value = _number(fields, column, 0, scale.most)
    if scale.whole and value not in (0, 1):
        raise TableError(f"column {column.name}: {value:g} is neither 0 nor 1")
    return round(scale.probability(value), 3)


def _extent(
    fields: Sequence[str], columns: Columns, side: int | None
) -> tuple[float, NDArray[np.int16] | None]:
    """The size of a face, and the boxes of its AUs."""
    if columns.landmarks is None:
        width_and_height = columns.faces[2:]
        sizes = [_number(fields, each, 0, _FAR) for each in width_and_height]
        return float(np.prod(sizes)), None
    points = _points(fields, columns.landmarks)
    size = float(np.prod(np.ptp(points, axis=0)))
    if side is None:
        return size, None
    if columns.landmarks.pixels:
        _check_sides(fields, columns, side)
        points = points / side
        _check_place(points, side)
    boxes = (landmark_boxes if len(points) == LANDMARKS else region_boxes)(points)
    corners = [boxes[au].as_tuple() if au in boxes else _NO_BOX for au in columns.aus]
    return size, np.array(corners, dtype=np.int16)


def _points(fields: Sequence[str], landmarks: Landmarks) -> NDArray[np.float64]:
    axes = (landmarks.x, landmarks.y)
    try:
        points = np.array([[float(fields[each.index]) for each in axis] for axis in axes]).T
        if (np.abs(points) < _FAR).all():
            return points
    except ValueError:
        pass  # named below
    for column in (*landmarks.x, *landmarks.y):
        _number(fields, column, -_FAR, _FAR)
    raise AssertionError("one of them is no number")


def _check_sides(fields: Sequence[str], columns: Columns, side: int) -> None:
    for column in columns.sides:
        if (pixels := _number(fields, column, 1, _FAR)) != side:
            raise TableError(
                f"column {column.name}: a picture of {pixels:g} pixels, not {side}; next: run the "
                f"tool over the face frames, or --option side={pixels:g} if they are these, "
                "scaled"
            )


def _check_place(points: NDArray[np.float64], side: int) -> None:
    """A face frame's face is about in its middle; landmarks of another picture are not."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    if (high <= 0.5).all() or (middle < 0).any() or (middle > 1).any():
        raise TableError(
            f"landmarks {low[0] * side:.0f}..{high[0] * side:.0f} across and "
            f"{low[1] * side:.0f}..{high[1] * side:.0f} down are of no face frame of {side} "
            "pixels; next: run the tool over the face frames, or --option side=PIXELS if they "
            "are these, scaled"
        )


def _number(fields: Sequence[str], column: Column, low: float, high: float) -> float:
    text = fields[column.index].strip()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise TableError(f"column {column.name}: {text!r} is no number from {low:g} to {high:g}")
    return value


def _blank(text: str) -> bool:
    return text.strip().lower() in ("", "nan")
