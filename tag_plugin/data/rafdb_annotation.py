"""RAF-DB's manual annotations: where the face is, and who its annotators took the person for.

A file `Annotation/manual/<name>_manu_attri.txt` has five lines with the pixels of a landmark of
the original photograph (eyes, nose, mouth corners), then one number each for gender, race and age.
Source: the release's readme.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tag_plugin.data.face_frame import Crop
from tag_plugin.data.source import SourceError
from tag_plugin.data.text_file import text_lines

ANNOTATIONS: Final = Path("Annotation", "manual")

ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "gender": ("male", "female", "unsure"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age": ("0-3", "4-19", "20-39", "40-69", "70+"),
}
"""The attributes in the order of their lines, each with the names of its codes 0, 1, ..."""

_POINTS: Final = 5
FACE_OVER_FEATURES: Final = 2.2
"""Side of the crop over the larger side of the landmarks' box: eyes to mouth is half a face."""
FARTHEST: Final = 100_000
"""Pixels from the corner of a photograph within which a landmark lies."""


def read_annotation(path: Path) -> tuple[Crop, Mapping[str, str]] | None:
    """The crop and the attributes of one annotation file; None where there is none.

    Raises:
        SourceError: it has other lines; the message names the file.
    """
    if not path.is_file():
        return None
    try:
        values = [line.split() for _, line in text_lines(path)]
        points = [(float(x), float(y)) for x, y in values[:_POINTS]]
        codes = [int(code) for (code,) in values[_POINTS : _POINTS + len(ATTRIBUTES)]]
        named = zip(ATTRIBUTES.items(), codes, strict=True)
        return _crop(points), {name: names[code] for (name, names), code in named if code >= 0}
    except (ValueError, IndexError, OverflowError) as error:
        raise SourceError(
            f"{path}: expected {_POINTS} lines with x and y, then the codes of gender, race and "
            f"age: {error}"
        ) from None


def _crop(points: list[tuple[float, float]]) -> Crop:
    """A square around the landmarks that holds the whole face."""
    if len(points) != _POINTS:
        raise ValueError(f"{len(points)} landmarks")
    across, down = zip(*points, strict=True)
    if not all(abs(value) <= FARTHEST for value in (*across, *down)):  # nan is refused as well
        raise ValueError(f"landmarks that lie in no picture: {points}")
    extent = max(max(across) - min(across), max(down) - min(down), 1.0)
    half = FACE_OVER_FEATURES * extent / 2
    x, y = (max(across) + min(across)) / 2, (max(down) + min(down)) / 2
    return (round(x - half), round(y - half), round(x + half), round(y + half))
