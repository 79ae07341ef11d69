"""Test sets: the rows that `tag-plugin prepare` or `detect` wrote, as the host's documents.

A document is flat (text columns only), so that no schema is inferred, and nothing is cached: a
changed file is a changed test set.
"""

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from PIL import Image

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.data_dir import VARIABLE, data_dir, datasets_in, in_words
from tag_plugin.data.face_frame import NOT_A_FRAME, ImageError, face_file, open_face
from tag_plugin.data.rows import Row, RowError, parse_row
from tag_plugin.data.text_file import TextFileError, read_json_object, text_lines
from tag_plugin.hosts.lmms_eval.checkpoints import Question
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.tag_tasks import TagTask
from tag_plugin.pipeline.as_built import asked_as_built, asking
from tag_plugin.pipeline.baselines import FittedBaselines, read_baselines
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.results.masking import DATASETS as MASKED
from tag_plugin.results.moving import MOVES
from tag_plugin.scoring.baselines import Baselines
from tag_plugin.trace.prompt import Style

_MANIFEST: Final = "prepare.json"
_AGAIN: Final = "next: tag-plugin prepare again"
_OF_RESULTS: Final = {
    **dict.fromkeys(MASKED, "tag-plugin mask RESULTS"),
    **dict.fromkeys(MOVES, "tag-plugin mask RESULTS --moved"),
}
"""Datasets that are made of the faces of an evaluation -> how."""
STAGES: Final = ("detected", "prepared")
"""The folders that hold a split's rows, the preferred one first."""

ROWS: Final[dict[str, Mapping[str, Row]]] = {}
"""Task -> its rows by id, from the loading of its documents on until `finish` forgets them.

The host hands on nothing but the documents, from threads of its own.
"""

BASELINES: Final[dict[str, Baselines]] = {}
"""Task -> what its numbers are measured from, where there are such; as long as its rows."""


@dataclass(frozen=True, slots=True)
class TestSet:
    """The usable rows of one file, and the reasons why others were left out.

    Each row says which AUs are asked for, where traces of its dataset were built.
    `preparation` are the recorded settings that decided labels and pictures; the two hashes are
    of the file and of the pictures' bytes in the order of the rows. `baselines` are None where no
    row has detections, or for the reason in `without_baselines`.
    """

    __test__ = False  # not a test, whatever pytest makes of the name

    file: Path
    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    preparation: Mapping[str, Any]
    rows_sha256: str
    images_sha256: str
    baselines: FittedBaselines | None = None
    without_baselines: str = ""


def find_test_file(dataset: str, split: str = "test") -> Path | None:
    """A split's rows in the data directory, with detections where they were made."""
    files = (data_dir() / dataset / stage / f"{split}.jsonl" for stage in STAGES)
    return next(filter(Path.is_file, files), None)


def require_test_files(asked: Iterable[TagTask]) -> dict[tuple[str, str], Path]:
    """The file of each (dataset, split) that is asked for, prepared as its name says.

    Raises:
        WrongConfigurationError: one message about everything that is missing, with the commands.
    """
    places = dict.fromkeys((each.dataset, each.split) for each in asked)
    files = {place: file for place in places if (file := find_test_file(*place)) is not None}
    missing = [place for place in places if place not in files]
    if missing:
        raise WrongConfigurationError(_missing_message(missing))
    for (dataset, _), file in files.items():
        preparation_of(dataset, file)
    return files


def _missing_message(missing: list[tuple[str, str]]) -> str:
    root = data_dir()
    names = ", ".join(name if split == "test" else f"{name} ({split})" for name, split in missing)
    there = f"; there: {', '.join(datasets_in(root))}" if datasets_in(root) else ""
    told = "" if os.environ.get(VARIABLE) else f" ({VARIABLE} is not set)"
    lines = [f"tag-plugin: no test data for {names} in {in_words(root)}{told}{there}; next:"]
    for name in dict.fromkeys(name for name, _ in missing):
        known = BENCHMARKS.get(name)
        command = known.command if known else _OF_RESULTS.get(name, f"tag-plugin prepare {name}")
        access = f"   # {known.access}" if known and known.access else ""
        lines.append(f"  {command} --out {shlex.quote(str(root))}{access}")
    return "\n".join(lines)


def preparation_of(dataset: str, file: Path) -> dict[str, Any]:
    """The settings that `prepare` recorded beside a row file; empty where it recorded none.

    Raises:
        WrongConfigurationError: the dataset was prepared in another way than its name says.
    """
    manifest = file.parent.parent / _MANIFEST
    settings = _settings(manifest)
    benchmark = BENCHMARKS.get(dataset)
    for name, value in benchmark.required.items() if benchmark else ():
        if benchmark and settings.get(name, value) != value:
            raise WrongConfigurationError(
                f"tag-plugin: {manifest} says {name} {settings[name]!r}, but the task of {dataset} "
                f"is defined for {value!r}; next: {benchmark.command} into another data directory"
            )
    return settings


def _settings(manifest: Path) -> dict[str, Any]:
    """The settings in a manifest; drawn faces of an earlier version kept theirs with the rows."""
    former = manifest.parent / "prepared" / _MANIFEST
    try:
        if manifest.is_file():
            settings = read_json_object(manifest).get("settings", {})
        elif former.is_file():
            settings = {"faces": "drawn", "seed": read_json_object(former).get("seed")}
        else:
            return {}
    except TextFileError as error:
        raise WrongConfigurationError(f"tag-plugin: {error}; {_AGAIN}") from None
    if not isinstance(settings, dict):
        raise WrongConfigurationError(f"tag-plugin: {manifest}: settings is no object; {_AGAIN}")
    return settings


def read_test_set(dataset: str, split: str = "test") -> TestSet:
    """Reads a split of a dataset; what cannot be used is left out with its reason.

    Raises:
        WrongConfigurationError: no file, not one usable row, or a picture that is not a face frame.
    """
    file = require_test_files([TagTask(dataset, split)])[dataset, split]
    rows, problems, pictures = _usable(file)
    _check(file, rows, problems)
    try:
        asked = asked_as_built(file.parent.parent)
    except StageError as error:
        raise WrongConfigurationError(f"tag-plugin: {error}") from None
    asking_rows = tuple(asking(row, asked) for row in rows)
    return TestSet(
        file,
        asking_rows,
        tuple(problems),
        preparation_of(dataset, file),
        sha256(file.read_bytes()).hexdigest(),
        pictures,
        *_baselines(file.parent.parent, asking_rows),
    )


def _baselines(directory: Path, rows: Iterable[Row]) -> tuple[FittedBaselines | None, str]:
    """Those of the dataset, or why there are none."""
    detected = next((row for row in rows if row.detections is not None), None)
    if detected is None:
        return None, ""
    try:
        return read_baselines(directory, detected), ""
    except StageError as error:
        return None, f"box skill and the baselines of G are absent: {error}"


def _usable(file: Path) -> tuple[list[Row], list[str], str]:
    """The rows that can be used, what is wrong with the others, and a hash of the pictures."""
    rows: list[Row] = []
    problems: list[str] = []
    pictures = sha256()
    try:
        for where, line in text_lines(file, bad=lambda error: problems.append(str(error))):
            try:
                row = parse_row(line, where)
                picture = face_file(image_path(file, row))
            except RowError as error:
                problems.append(str(error))
            except ImageError as error:
                problems.append(f"{where}: row {row.id}: {error}")
                if error.reason == NOT_A_FRAME:
                    raise WrongConfigurationError(
                        f"tag-plugin: {problems[-1]}: its boxes would mean other places"
                    ) from None
            else:
                rows.append(row)
                pictures.update(sha256(picture).digest())
    except (TextFileError, OSError) as error:  # nothing of it, or nothing more, can be read
        problems.append(str(error))
    return rows, problems, pictures.hexdigest()


def _check(file: Path, rows: list[Row], problems: list[str]) -> None:
    faults = {
        f"has no usable row: {(*problems, 'it is empty')[0]}": not rows,
        "mixes label sets": len({row.label_set for row in rows}) > 1,
        "holds an id twice": len({row.id for row in rows}) < len(rows),
    }
    fault = next((name for name, holds in faults.items() if holds), None)
    if fault:
        raise WrongConfigurationError(f"tag-plugin: {file} {fault}; {_AGAIN}")


def image_path(file: Path, row: Row) -> Path:
    """Where the picture of a row lies that was read from `file`."""
    return file.parent.parent / row.image


def columns(
    test_set: TestSet, question: Question, style: Style = Style.GROUNDED, task: str = ""
) -> dict[str, list[str]]:
    """The documents, column by column; the rows go to `ROWS`, baselines to `BASELINES`."""
    rows = test_set.rows
    BASELINES.pop(task, None)
    if test_set.baselines is not None:
        BASELINES[task] = test_set.baselines.baselines
    ROWS[task] = {row.id: row for row in rows}
    same_for_all = {
        "prompt": question.prompt(rows[0].reference.labels, style),
        "frame": str(question.frame),
        "style": str(question.style(style)),
        "task": task,
    }
    return {
        "id": [row.id for row in rows],
        "image": [str(image_path(test_set.file, row)) for row in rows],
        "label": [row.label for row in rows],
        **{name: [value] * len(rows) for name, value in same_for_all.items()},
    }


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """The picture of a document, as it lies on disk."""
    return [open_face(Path(doc["image"]))]
