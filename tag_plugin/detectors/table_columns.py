"""What the columns of a table of Action Units mean: OpenFace 2.2, LibreFace, py-feat.

| tool      | column            | values    | probability                                     |
|-----------|-------------------|-----------|-------------------------------------------------|
| OpenFace  | AU04_r            | 0 to 5    | r/2 up to 1, from there 0.5 + (r - 1)/8         |
| OpenFace  | AU04_c            | 0 or 1    | 0 or 0.75; only where the table has no AU04_r   |
| LibreFace | au_4_intensity    | 0 to 5    | as AU04_r                                       |
| LibreFace | au_4              | 0 or 1    | as AU04_c                                       |
| py-feat   | AU04              | 0 to 1    | as it is                                        |

So 0.5 is an intensity of 1 (FACS: a trace), 0.3 one of 0.6; a yes without a degree is 0.75. The
tools' own definitions: OpenFace's wiki page "Output Format", LibreFace's README, py-feat's Fex.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final

from tag_plugin.facs.action_units import ACTION_UNITS

MAP_VERSION: Final = 1
"""Recorded with every row; goes up when the table above changes."""


class TableError(ValueError):
    """A header or a cell that is not as the tool writes it; says which column."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its place and its name."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The values of an AU's column, and the probability of each."""

    most: float
    probability: Callable[[float], float]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The columns of the landmarks, x first; in pixels, or in shares of the picture."""

    x: tuple[Column, ...]
    y: tuple[Column, ...]
    pixels: bool


@dataclass(frozen=True, slots=True)
class Columns:
    """Where everything stands in a line.

    Attributes:
        tool: which of the three wrote it.
        count: the fields of a line.
        aus: AU -> its column and scale; only AUs of our table.
        picture: the picture's name or path.
        faces: what tells one face of a picture from another.
        frame: the number of a video's frame.
        success: 0 where the tool lost the face.
        confidence: how sure the tool is that there is a face.
        sides: width and height of the picture in pixels.
        landmarks: 68 points or a mesh of 478.
    """

    tool: str
    count: int
    aus: Mapping[int, tuple[Column, Scale]]
    picture: Column | None
    faces: tuple[Column, ...]
    frame: Column | None
    success: Column | None
    confidence: Column | None
    sides: tuple[Column, ...]
    landmarks: Landmarks | None


def intensity_probability(intensity: float) -> float:
    """A FACS intensity, 0 to 5, as a probability.

    >>> [intensity_probability(value) for value in (0, 0.6, 1, 5)]
    [0.0, 0.3, 0.5, 1.0]
    """
    return intensity / 2 if intensity <= 1 else 0.5 + (intensity - 1) / 8


def _presence_probability(present: float) -> float:
    return 0.75 * present


def _as_it_is(probability: float) -> float:
    return probability


_INTENSITY: Final = Scale(5, intensity_probability)
_PRESENCE: Final = Scale(1, _presence_probability, whole=True)
_AU_COLUMNS: Final = (  # an intensity goes before a yes or no
    ("openface", re.compile(r"AU(\d\d)_r"), _INTENSITY),
    ("openface", re.compile(r"AU(\d\d)_c"), _PRESENCE),
    ("libreface", re.compile(r"au_(\d+)_intensity"), _INTENSITY),
    ("libreface", re.compile(r"au_(\d+)"), _PRESENCE),
    ("pyfeat", re.compile(r"AU(\d\d)"), Scale(1, _as_it_is)),
)
_LANDMARKS: Final = (  # how a column is called, how many points, whether in pixels
    ("lm_mp_{n}_{axis}", 478, False),
    ("mesh_{axis}_{n}", 478, True),
    ("{axis}_{n}", 478, True),
    ("{axis}_{n}", 68, True),
)
_PICTURE: Final = ("input", "input_image_path")
_FACE_NUMBER: Final = ("face", "face_id")
_FACE_BOX: Final = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
_SIDES: Final = ("FrameWidth", "FrameHeight")


@lru_cache(maxsize=8)
def columns_of(header: tuple[str, ...], picture: str | None = None) -> Columns:
    """The meaning of a header, whose names may have blanks around them.

    Args:
        header: the fields of the first line.
        picture: the column with the picture's name, where the tool does not write one.

    Raises:
        TableError: no AUs, AUs of two tools, columns that are there twice or only in part.
    """
    names = [name.strip() for name in header]
    _check_names(names)
    index = {name: Column(number, name) for number, name in enumerate(names)}
    tool, aus = _au_columns(index)
    if picture is not None and picture not in index:
        raise TableError(f"no column {picture!r}; next: --option column=NAME with one that it has")
    return Columns(
        tool=tool,
        count=len(names),
        aus=aus,
        picture=_first(index, _PICTURE if picture is None else (picture,)),
        faces=_present(index, _FACE_NUMBER) or _present(index, _FACE_BOX),
        frame=_first(index, ("frame", "frame_idx")),
        success=_first(index, ("success",)),
        confidence=_first(index, ("confidence", "FaceScore")),
        sides=_present(index, _SIDES),
        landmarks=_landmark_columns(index),
    )


def _check_names(names: Sequence[str]) -> None:
    if len(names) == 1 and (other := re.search(r"[;\t|]", names[0])):
        raise TableError(f"fields parted by {other[0]!r}; next: save it with commas")
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise TableError(f"column {twice[0]!r} is there twice; next: write the table again")


def _au_columns(index: Mapping[str, Column]) -> tuple[str, dict[int, tuple[Column, Scale]]]:
    aus: dict[int, tuple[Column, Scale]] = {}
    tools: set[str] = set()
    for tool, pattern, scale in _AU_COLUMNS:
        for name, column in index.items():
            if (found := pattern.fullmatch(name)) and int(found[1]) in ACTION_UNITS:
                aus.setdefault(int(found[1]), (column, scale))
                tools.add(tool)
    if not aus:
        raise TableError(
            "no column of an AU such as AU04_r, au_4 or AU04; next: write it with AUs (-aus)"
        )
    if len(tools) > 1:
        raise TableError(f"AUs of {' and '.join(sorted(tools))}; next: a table for each tool")
    _check_halves(index)
    return tools.pop(), dict(sorted(aus.items()))


def _check_halves(index: Mapping[str, Column]) -> None:
    """OpenFace writes a presence beside every intensity, if it writes any."""
    if any(re.fullmatch(r"AU\d\d_c", name) for name in index):
        for name in index:
            if re.fullmatch(r"AU\d\d_r", name) and f"{name[:-1]}c" not in index:
                raise TableError(
                    f"{name} without {name[:-1]}c: columns are missing; next: write it again"
                )


def _landmark_columns(index: Mapping[str, Column]) -> Landmarks | None:
    missing: list[str] = []
    for template, count, pixels in _LANDMARKS:
        x, y = ([template.format(axis=axis, n=n) for n in range(count)] for axis in "xy")
        lacking = [name for name in chain(x, y) if name not in index]
        if not lacking:
            return Landmarks(tuple(index[n] for n in x), tuple(index[n] for n in y), pixels)
        if len(lacking) < 2 * count:
            missing = lacking  # of the smallest set that is there in part
    if missing:
        raise TableError(f"landmarks without column {missing[0]!r}; next: write the table again")
    return None


def _first(index: Mapping[str, Column], names: Sequence[str]) -> Column | None:
    return next(iter(_present(index, names)), None)


def _present(index: Mapping[str, Column], names: Sequence[str]) -> tuple[Column, ...]:
    return tuple(index[name] for name in names if name in index)
