"""data validate: is this dataset what it says? Every bad row is named with its file and line.

Errors    a line that is no row (labels and boxes are part of that), a row in another split's
          file, an id used twice, an image that is missing or no 448x448 picture, a trace that the
          judge finds fault with, a person or an exact picture on two sides of a split
Warnings  near duplicates across splits, a class without rows or with few, rows without detections
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from tag_plugin.data.face_frame import face_file
from tag_plugin.data.model_error import first_problem
from tag_plugin.data.picture import ImageError, picture_size
from tag_plugin.data.rows import NOT_A_ROW, Row, RowError, parse_row, row_lines
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.facs.emotions import label_set
from tag_plugin.pipeline.duplicates import find_duplicates
from tag_plugin.pipeline.gold import why_not_gold
from tag_plugin.pipeline.latest_stage import files_of_dataset
from tag_plugin.pipeline.manifest import read_manifest, write_json
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.overlaps import Overlaps
from tag_plugin.pipeline.parallel import ordered_map
from tag_plugin.pipeline.parts import batches
from tag_plugin.pipeline.two_labels import in_words, two_labels
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig

NAMED: Final = 1000
"""So many problems are listed; all of them are counted."""
FEW: Final = 0.2
"""A class with fewer rows than this share of an equal one gets a warning."""
REPORT: Final = "validate.json"
BATCH: Final = 64
"""Lines sent to a process at a time."""


@dataclass(frozen=True, slots=True)
class ValidateSettings:
    """`directory` is DATA_DIR/<dataset>; with `pixels` every picture is decoded to its end."""

    directory: Path
    workers: int = 1
    pixels: bool = False


@dataclass
class Report:
    """What was found; `rows` and `labels` by part, `errors` and `warnings` by kind."""

    rows: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)

    def fault(self, kind: str, text: str) -> None:
        """Count one error, and name it while there is room."""
        self.errors[kind] += 1
        if len(self.named) < NAMED:
            self.named.append(f"{kind}: {text}")

    @property
    def sound(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    def as_json(self) -> dict[str, Any]:
        """For the report file."""
        return {
            "sound": self.sound,
            "rows": dict(self.rows),
            "labels": {part: dict(found) for part, found in self.labels.items()},
            "errors": dict(self.errors),
            "warnings": self.warnings,
            "named": self.named,
        }


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a row file, and which split it should be of."""

    part: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is wrong with a line as (kind, text), and what the whole needs to know of it."""

    part: str
    where: str
    problems: tuple[tuple[str, str], ...]
    id: str = ""
    label: str = ""
    label_set: str = ""
    person: str | None = None
    picture: str | None = None
    detected: bool = False


def validate(settings: ValidateSettings) -> Report:
    """Check the latest rows of each split; the report also goes to <dataset>/validate.json.

    Raises:
        StageError: there are no rows at all.
    """
    files = files_of_dataset(settings.directory)
    if not files:
        raise StageError(f"no rows in {settings.directory}; next: tag-plugin prepare")
    judge = _judge(settings.directory)
    worker = partial(_open_worker, settings.directory, judge, settings.pixels)
    report = Report()
    label_sets: set[str] = set()
    undetected: Counter[str] = Counter()
    with Overlaps() as overlaps:
        checked = ordered_map(worker, batches(_lines(files), BATCH), settings.workers)
        for each in chain.from_iterable(checked):
            report.rows[each.part] += 1
            for kind, text in each.problems:
                report.fault(kind, f"{each.where}: {text}")
            if each.id:
                report.labels.setdefault(each.part, Counter())[each.label] += 1
                label_sets.add(each.label_set)
                if not each.detected:
                    undetected[each.part] += 1
                overlaps.add(each.part, each.id, each.person, each.picture)
        for kind, text in overlaps.found():
            report.fault(kind, text)
    if len(label_sets) > 1:
        report.fault("several label sets", ", ".join(sorted(label_sets)))
    report.warnings += [f"{part}: {n} rows without detections" for part, n in undetected.items()]
    _warn_of_balance(report, label_sets)
    _warn_of_near_duplicates(report, files)
    _warn_of_two_labels(report, settings.directory, files)
    write_json(settings.directory / REPORT, report.as_json())
    return report


def _lines(files: Mapping[str, Path]) -> Iterator[_Line]:
    for part, path in files.items():
        for where, line in row_lines(path):
            yield _Line(part, where, line)


@contextmanager
def _open_worker(
    directory: Path, judge: JudgeConfig, pixels: bool
) -> Iterator[Callable[[list[_Line]], list[_Checked]]]:
    check = partial(_check_line, directory, judge, pixels)
    yield lambda lines: [check(line) for line in lines]


def _check_line(directory: Path, judge: JudgeConfig, pixels: bool, line: _Line) -> _Checked:
    try:
        row = parse_row(line.text, "row")
    except RowError as error:
        return _Checked(line.part, line.where, ((NOT_A_ROW, str(error)),))
    return _Checked(
        line.part,
        line.where,
        tuple(_problems(directory, judge, pixels, line.part, row)),
        row.id,
        row.label,
        row.label_set,
        row.identity,
        row.frame.phash if row.frame else None,
        row.detections is not None,
    )


def _problems(
    directory: Path, judge: JudgeConfig, pixels: bool, part: str, row: Row
) -> Iterator[tuple[str, str]]:
    expected = {"sft": "train", "rl": "train"}.get(part, part)
    if row.split != expected:
        yield "row of another split", f"{row.id} is of {row.split}"
    if row.dataset != directory.name:
        yield "row of another dataset", f"{row.id} is of {row.dataset}"
    problem = _image_problem(directory / row.image, pixels)
    if problem:
        yield "image", f"{row.id}: {problem}"
    fault = why_not_gold(row, judge) if row.trace is not None else None
    if fault:
        yield "trace not gold", f"{row.id}: {fault}"
    if row.trace is None and part in {"sft", "rl"}:
        yield "no trace", row.id


def _image_problem(path: Path, pixels: bool) -> str | None:
    try:
        size = picture_size(path)
        if pixels:
            face_file(path)
    except ImageError as error:
        return str(error)
    return None if size == (FACE_FRAME, FACE_FRAME) else f"{size[0]}x{size[1]} pixels"


def _warn_of_balance(report: Report, label_sets: set[str]) -> None:
    if len(label_sets) != 1:
        return
    labels = label_set(next(iter(label_sets))).labels
    for part, counts in report.labels.items():
        fair = counts.total() / len(labels)
        few = [label for label in labels if counts[label] < FEW * fair]
        if few:
            listed = ", ".join(f"{label} {counts[label]}" for label in few)
            report.warnings.append(f"{part}: few rows of {listed} (an equal share is {fair:.0f})")


def _warn_of_near_duplicates(report: Report, files: Mapping[str, Path]) -> None:
    train = "sft" if "sft" in files else "train"
    names = {"train": train, "dev": "dev", "test": "test"}
    present: dict[Any, Path] = {
        split: files[name] for split, name in names.items() if name in files
    }
    if report.errors[NOT_A_ROW] or len(present) < 2:
        return
    pairs = Counter((each.split, each.of_split) for each in find_duplicates(present))
    for (split, of_split), count in sorted(pairs.items()):
        report.warnings.append(
            f"{count} pictures of {names[split]} are near duplicates of one in {of_split}; "
            "next: tag-plugin quality"
        )


def _warn_of_two_labels(report: Report, directory: Path, files: Mapping[str, Path]) -> None:
    pairs = two_labels(directory, files)
    if pairs:
        report.warnings.append(f"{in_words(pairs)}; next: keep the right one of each")


def _judge(directory: Path) -> JudgeConfig:
    path = directory / "build.json"
    stored = read_manifest(path).get("settings", {}).get("judge") if path.is_file() else None
    try:
        return DEFAULT_JUDGE if stored is None else JudgeConfig.model_validate(stored)
    except ValidationError as error:
        raise StageError(
            f"{path}: settings.judge: {first_problem(error)}; next: tag-plugin build --restart"
        ) from None
