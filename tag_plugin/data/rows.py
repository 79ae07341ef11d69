"""The row: one face with everything known about it. One JSON object a line, versioned.

A line that is no row is never fatal: whoever reads a file of rows names it, counts it and goes on.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.model_error import first_problem
from tag_plugin.data.terminal import warn
from tag_plugin.data.text_file import TextFileError, every_line
from tag_plugin.facs.detections import Detections, Thresholds
from tag_plugin.facs.emotions import label_set
from tag_plugin.facs.frozen import Frozen
from tag_plugin.facs.votes import Votes
from tag_plugin.scoring.score import AskedUnits, Reference
from tag_plugin.trace.grammar import Trace

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


NOT_A_ROW: Final = "not a row"
"""Why a line is left out; the word for it in every count."""
NO_FACE: Final = "no face"
"""Of a picture or a row without a face; the word for it in every count."""
LONGEST_ROW: Final = 100_000
"""Characters; a longer line is no row. It bounds the memory that a bad one takes."""
_UNREADABLE: Final = "\0"
"""Begins what stands for a line that is no text; no text has such a character."""
_NAMED: Final = 20
"""So many bad lines of a file are named on stderr; all of them are counted."""
_MANY: Final = 10**9


class RowError(ValueError):
    """A line that is not a row; the message names the file and the line."""


BadRow = Callable[[RowError], None]
"""What to do with a line that is not a row."""


class BadRows:
    """Names lines that are not rows on stderr, up to a limit, and counts all of them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, error: RowError) -> None:
        """One more."""
        self.count += 1
        if self.count <= _NAMED:
            warn(f"skipped: {error}")
        elif self.count == _NAMED + 1:
            warn("skipped: more lines that are not rows")


class DetectorInfo(Frozen, protected_namespaces=()):
    """Which detector measured a face, exactly."""

    name: str
    version: str
    model_sha256: str | None = None
    thresholds: Thresholds = Thresholds()


class Provenance(Frozen):
    """Who wrote the trace, in how many attempts, and which labels were eliminated on the way.

    `model` is the name under which the writer's model was asked; None for a writer without one.
    """

    writer: str
    model: str | None = None
    attempts: Annotated[int, Field(ge=1, le=_MANY)] = 1
    eliminated_labels: tuple[str, ...] = ()
    seed: int | None = None


class FrameInfo(Frozen, allow_inf_nan=False):
    """How a face frame was made from its source picture.

    Attributes:
        side: pixels of the source picture along the frame's side: its true resolution.
        how: the whole picture, a box that the dataset gives, or a face that was found.
        faces: how many faces were found; None where nobody looked.
        angle: degrees that the picture was turned by to level the eyes.
        phash: perceptual hash of the frame, 16 hexadecimal digits: equal pictures, equal hash.
    """

    side: Annotated[int, Field(ge=1, le=_MANY)]
    how: Literal["whole", "given", "found"]
    faces: Annotated[int, Field(ge=0, le=_MANY)] | None = None
    angle: float = 0.0
    phash: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


def _as_today(version: object) -> object:
    """A row of version 1 has the same fields; it only knew no bounds."""
    return 2 if version == 1 and type(version) is int else version


class Row(Frozen, allow_inf_nan=False):
    """One face. `image` is a POSIX path relative to the dataset's directory.

    `identity` says who it is, in the dataset's own words, where the dataset knows; `attributes`
    are whatever else it says about the person (gender, age, ...), by name. Neither is needed.
    `votes` are what people chose, where the dataset gives them. `quality` holds what the quality
    check measured on the frame.

    Version 2 is version 1 with bounds: rows of version 1 that keep to them are read as they are,
    and `tag-plugin data upgrade` writes them anew. Room for more, each with a default, so that a
    row of today stays readable: findings about the text belong to `Provenance`.

    `prepare` fills everything up to `label_set`, `detect` adds the detections (None where no face
    was found), `build` the trace. `asked` is not in a file of a stage: who hands a row to the judge
    fills it with what the dataset was built to name.

    Raises:
        ValidationError: a label outside its label set, an absolute image path, an answer that is
            not the label.
    """

    version: Annotated[Literal[2], BeforeValidator(_as_today)] = 2
    id: Annotated[str, Field(min_length=1, max_length=1000)]
    dataset: str
    split: Split
    image: Annotated[str, Field(min_length=1, max_length=4000)]
    label: str
    label_set: str
    identity: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    votes: Annotated[Votes | None, Field(exclude_if=lambda votes: votes is None)] = None
    frame: FrameInfo | None = None
    quality: dict[str, float] = Field(default_factory=dict)
    detections: Detections | None = None
    detector: DetectorInfo | None = None
    trace: Trace | None = None
    provenance: Provenance | None = None
    asked: Annotated[AskedUnits | None, Field(exclude_if=lambda asked: asked is None)] = None

    @model_validator(mode="after")
    def _sound(self) -> "Row":
        if self.label not in label_set(self.label_set).labels:
            raise ValueError(f"label {self.label!r} is not in the label set {self.label_set!r}")
        parts = self.image.split("/")
        if not parts[0] or ".." in parts or re.search(r"[\\\0]", self.image):
            raise ValueError(f"image {self.image!r} must be a relative path inside the dataset")
        if self.trace is not None and self.trace.answer != self.label:
            raise ValueError(f"the trace answers {self.trace.answer!r}, not {self.label!r}")
        return self

    @property
    def reference(self) -> Reference:
        """What the judge compares a completion with."""
        return Reference(self.label, label_set(self.label_set), self.detections)


def parse_row(line: str, where: str) -> Row:
    """One JSON line as a row. Numbers are numbers: "4" is none.

    Raises:
        RowError: not text, not JSON, or not a row; the message begins with `where`.
    """
    if line.startswith(_UNREADABLE):
        raise RowError(f"{where}: {line[1:]}")
    if len(line) > LONGEST_ROW:
        raise RowError(f"{where}: {len(line):,} characters, a row has at most {LONGEST_ROW:,}")
    try:
        return Row.model_validate_json(line, strict=True)
    except ValidationError as error:
        raise RowError(f"{where}: {first_problem(error)}") from None
    except RecursionError:
        raise RowError(f"{where}: nested too deeply") from None


def row_lines(path: Path) -> Iterator[tuple[str, str]]:
    """(file:line, text) of every line that is not blank, of a JSONL file or of a folder of them.

    A line that is no text is there as well, in a form that `parse_row` refuses with the reason: the
    number of lines does not depend on what is in them.

    Raises:
        TextFileError: a file that is no text from some line on.
        FileNotFoundError: no such file.
    """
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        for where, text, _ in every_line(file):
            if isinstance(text, TextFileError):
                yield where, f"{_UNREADABLE}{str(text).removeprefix(f'{where}: ')}"
            elif text.strip():
                yield where, text


def read_rows(path: Path, bad: BadRow | None = None) -> Iterator[Row]:
    """The rows of a JSONL file, or of a folder of them, one at a time.

    Args:
        path: the file or the folder.
        bad: is given each line that is no row; when None they are named and counted on stderr.

    Raises:
        TextFileError: a file that is no text from some line on.
        FileNotFoundError: no such file.
    """
    named = BadRows()
    for where, line in row_lines(path):
        try:
            yield parse_row(line, where)
        except RowError as error:
            (bad or named)(error)
    if named.count:
        warn(f"{path}: {named.count} lines are not rows and were skipped")


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write a JSONL file in one go (a reader never sees half of it); returns the number of rows."""
    count = 0
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(dump_row(row) + "\n")
            count += 1
    return count


def dump_row(row: Row) -> str:
    """The row as one line of JSON, without the line end."""
    return json.dumps(row.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
