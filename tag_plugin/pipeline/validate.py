"""data validate: is this dataset what it says? Every bad row is named with its file and line.

Errors    a line that is no row (labels and boxes are part of that), a row in another split's
          file, an id used twice, an image that is missing or no 448x448 picture, a trace that the
          judge finds fault with, a person or an exact picture on two sides of a split
Warnings  near duplicates across splits, a class without rows or with few, rows without detections,
          a class of which SFT gets few rows because the AUs do not support the label
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.face_frame import face_file
from tag_plugin.data.picture import ImageError, picture_size
from tag_plugin.data.rows import NOT_A_ROW, SPLITS, Row, RowError, Split, parse_row, row_lines
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.facs.emotions import label_set
from tag_plugin.pipeline.as_built import BUILD_MANIFEST, judge_as_built
from tag_plugin.pipeline.duplicates import find_duplicates, in_words, two_labels
from tag_plugin.pipeline.gold import why_not_gold
from tag_plugin.pipeline.inputs import files_of_dataset
from tag_plugin.pipeline.manifest import read_manifest, write_json
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.overlaps import Overlaps
from tag_plugin.pipeline.parallel import ordered_map
from tag_plugin.pipeline.parts import batches
from tag_plugin.pipeline.support import ANY, warnings
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
            "labels": {part: dict(counts) for part, counts in self.labels.items()},
            "errors": dict(self.errors),
            "warnings": self.warnings,
            "named": self.named,
        }


_Line = tuple[str, str, str]
"""The part that a line of a row file should be of, `file:line`, and its text."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is wrong with a line as (kind, text), and its row without what is long in it."""

    part: str
    where: str
    problems: list[tuple[str, str]]
    row: Row | None = None
    detected: bool = False


def validate(settings: ValidateSettings) -> Report:
    """Check the latest rows of each split; the report also goes to <dataset>/validate.json.

    Raises:
        StageError: there are no rows at all.
    """
    files = files_of_dataset(settings.directory)
    if not files:
        raise StageError(f"no rows in {settings.directory}; next: tag-plugin prepare")
    judge = judge_as_built(settings.directory) or DEFAULT_JUDGE
    worker = partial(_open_worker, settings.directory, judge, settings.pixels)
    lines = ((part, *line) for part, path in files.items() for line in row_lines(path))
    report = Report()
    label_sets: set[str] = set()
    undetected: Counter[str] = Counter()
    with closing(Overlaps()) as overlaps:
        checked = ordered_map(worker, batches(lines, BATCH), settings.workers)
        for each in chain.from_iterable(checked):
            report.rows[each.part] += 1
            for kind, text in each.problems:
                report.fault(kind, f"{each.where}: {text}")
            if each.row is not None:
                row = each.row
                report.labels.setdefault(each.part, Counter())[row.label] += 1
                label_sets.add(row.label_set)
                undetected[each.part] += not each.detected
                picture = row.frame.phash if row.frame else None
                overlaps.add(each.part, row.id, row.identity, picture)
        for kind, text in overlaps.report():
            report.fault(kind, text)
    if len(label_sets) > 1:
        report.fault("several label sets", ", ".join(sorted(label_sets)))
    pairs = two_labels(settings.directory, files)
    report.warnings += [
        *(
            f"{part}: {count} rows without detections"
            for part, count in undetected.items()
            if count
        ),
        *(_imbalance(report.labels, *label_sets) if len(label_sets) == 1 else ()),
        *(() if report.errors[NOT_A_ROW] else _near_duplicates(files)),
        *_unsupported(settings.directory / BUILD_MANIFEST),
        *([f"{in_words(pairs)}; next: keep the right one of each"] if pairs else ()),
    ]
    write_json(settings.directory / REPORT, report.as_json())
    return report


@contextmanager
def _open_worker(
    directory: Path, judge: JudgeConfig, pixels: bool
) -> Iterator[Callable[[list[_Line]], list[_Checked]]]:
    yield lambda lines: [_checked(directory, judge, pixels, *line) for line in lines]


def _checked(
    directory: Path, judge: JudgeConfig, pixels: bool, part: str, where: str, line: str
) -> _Checked:
    try:
        row = parse_row(line, "row")
    except RowError as error:
        return _Checked(part, where, [(NOT_A_ROW, str(error))])
    short = row.model_copy(update=dict.fromkeys(("detections", "detector", "trace", "provenance")))
    problems = list(_problems(directory, judge, pixels, part, row))
    return _Checked(part, where, problems, short, row.detections is not None)


def _problems(
    directory: Path, judge: JudgeConfig, pixels: bool, part: str, row: Row
) -> Iterator[tuple[str, str]]:
    if row.split != {"sft": "train", "rl": "train"}.get(part, part):
        yield "row of another split", f"{row.id} is of {row.split}"
    if row.dataset != directory.name:
        yield "row of another dataset", f"{row.id} is of {row.dataset}"
    problem = _image_problem(directory / row.image, pixels)
    if problem:
        yield "image", f"{row.id}: {problem}"
    fault = why_not_gold(row, judge) if row.trace is not None else None
    if fault:
        yield "trace not gold", f"{row.id}: {fault}"
    if row.trace is None and part == "sft":
        yield "no trace", row.id


def _image_problem(path: Path, pixels: bool) -> str | None:
    try:
        size = picture_size(path)
        if pixels:
            face_file(path)
    except ImageError as error:
        return str(error)
    return None if size == (FACE_FRAME, FACE_FRAME) else f"{size[0]}x{size[1]} pixels"


def _imbalance(labels: Mapping[str, Counter[str]], label_set_name: str) -> Iterator[str]:
    classes = label_set(label_set_name).labels
    for part, counts in labels.items():
        fair = counts.total() / len(classes)
        few = [f"{label} {counts[label]}" for label in classes if counts[label] < FEW * fair]
        if few:
            yield f"{part}: few rows of {', '.join(few)} (an equal share is {fair:.0f})"


def _unsupported(manifest: Path) -> Iterator[str]:
    """Of the train split, as `build` counted it; a build of an older version counted nothing."""
    built = read_manifest(manifest) if manifest.is_file() else {}
    for split, summary in built.get("splits", {}).items():
        if split == "train":
            wanted = built["settings"].get("support", ANY)
            yield from warnings(split, summary.get("by_class", {}), wanted)


def _near_duplicates(files: Mapping[str, Path]) -> Iterator[str]:
    names: dict[Split, str] = {split: split for split in SPLITS}
    names["train"] = "sft" if "sft" in files else "train"
    present = {split: files[name] for split, name in names.items() if name in files}
    pairs = Counter((each.split, each.of_split) for each in find_duplicates(present))
    for (split, of_split), count in sorted(pairs.items()):
        yield (
            f"{count} pictures of {names[split]} are near duplicates of one in {of_split}; "
            "next: tag-plugin quality"
        )
