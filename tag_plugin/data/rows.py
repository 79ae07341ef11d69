"""The row: one face with everything known about it. One JSON object a line, versioned."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.facs.detections import Detections, Thresholds
from tag_plugin.facs.emotions import label_set
from tag_plugin.scoring.score import Reference
from tag_plugin.trace.grammar import Trace

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


class RowError(ValueError):
    """A line that is not a row; the message names the file and the line."""


class DetectorInfo(BaseModel):
    """Which detector measured a face, exactly."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: str
    version: str
    model_sha256: str | None = None
    thresholds: Thresholds = Thresholds()


class Provenance(BaseModel):
    """Who wrote the trace, in how many attempts, and which labels were eliminated on the way.

    `model` is the name under which the writer's model was asked; None for a writer without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    writer: str
    model: str | None = None
    attempts: int = 1
    eliminated_labels: tuple[str, ...] = ()
    seed: int | None = None


class FrameInfo(BaseModel):
    """How a face frame was made from its source picture.

    Attributes:
        side: pixels of the source picture along the frame's side: its true resolution.
        how: the whole picture, a box that the dataset gives, or a face that was found.
        faces: how many faces were found; None where nobody looked.
        angle: degrees that the picture was turned by to level the eyes.
        phash: perceptual hash of the frame, 16 hexadecimal digits: equal pictures, equal hash.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: Annotated[int, Field(ge=1)]
    how: Literal["whole", "given", "found"]
    faces: int | None = None
    angle: float = 0.0
    phash: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Row(BaseModel):
    """One face. `image` is a POSIX path relative to the dataset's directory.

    `identity` says who it is, in the dataset's own words, where the dataset knows; `attributes`
    are whatever else it says about the person (gender, age, ...), by name. Neither is needed.
    `quality` holds what the quality check measured on the frame.

    `prepare` fills everything up to `label_set`, `detect` adds the detections (None where no face
    was found), `build` the trace.

    Raises:
        ValidationError: a label outside its label set, an absolute image path, an answer that is
            not the label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    id: str
    dataset: str
    split: Split
    image: str
    label: str
    label_set: str
    identity: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    frame: FrameInfo | None = None
    quality: dict[str, float] = Field(default_factory=dict)
    detections: Detections | None = None
    detector: DetectorInfo | None = None
    trace: Trace | None = None
    provenance: Provenance | None = None

    @model_validator(mode="after")
    def _sound(self) -> "Row":
        if self.label not in label_set(self.label_set).labels:
            raise ValueError(f"label {self.label!r} is not in the label set {self.label_set!r}")
        if self.image.startswith("/") or ".." in self.image.split("/") or "\\" in self.image:
            raise ValueError(f"image {self.image!r} must be a relative path inside the dataset")
        if self.trace is not None and self.trace.answer != self.label:
            raise ValueError(f"the trace answers {self.trace.answer!r}, not {self.label!r}")
        return self

    @property
    def reference(self) -> Reference:
        """What the judge compares a completion with."""
        return Reference(self.label, label_set(self.label_set), self.detections)


def parse_row(line: str, where: str) -> Row:
    """One JSON line as a row.

    Raises:
        RowError: not JSON, or not a row; the message begins with `where`.
    """
    try:
        return Row.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RowError(f"{where}: {place + ': ' if place else ''}{first['msg']}") from None


def row_lines(path: Path) -> Iterator[tuple[str, str]]:
    """(file:line, text) of every line that is not blank, of a JSONL file or of a folder of them.

    Bytes that are not UTF-8 come as U+FFFD, so that the row's own check names the line.

    Raises:
        FileNotFoundError: no such file.
    """
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{file}:{number}", line


def read_rows(path: Path, start: int = 0) -> Iterator[Row]:
    """The rows of a JSONL file, or of a folder of them, one at a time, from number `start` on.

    Raises:
        RowError: a line is not a row; the message names the file and the line.
        FileNotFoundError: no such file.
    """
    for where, line in islice(row_lines(path), start, None):
        yield parse_row(line, where)


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
