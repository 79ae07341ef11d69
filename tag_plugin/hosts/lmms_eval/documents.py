"""Test sets: the rows that `tag-plugin prepare` or `detect` wrote, as the host's documents.

A document is flat (text columns only), so that no schema is inferred, and nothing is cached: a
changed file is a changed test set.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from PIL import Image, UnidentifiedImageError

from tag_plugin.data.rows import Row, RowError, parse_row
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.hosts.lmms_eval.configuration import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.questions import Question

DATA_DIR_VARIABLE: Final = "TAG_DATA_DIR"
STAGES: Final = ("detected", "prepared")
"""The folders that hold a test.jsonl, the preferred one first."""

_PREPARE: Mapping[str, str] = MappingProxyType(
    {
        "rafdb": "tag-plugin prepare rafdb --root DIR",
        "ferplus": "tag-plugin prepare ferplus --root DIR",
        "affectnet7": "tag-plugin prepare affectnet --classes 7 --root DIR",
        "affectnet8": "tag-plugin prepare affectnet --classes 8 --root DIR",
        "synth": "tag-plugin prepare synth",
    }
)
_ACCESS: Mapping[str, str] = MappingProxyType(
    {
        "rafdb": "RAF-DB is given out on request: http://www.whdeng.cn/RAF/model1.html",
        "ferplus": "the labels: https://github.com/microsoft/FERPlus, the pictures: FER2013",
        "affectnet7": "AffectNet is given out on request: http://mohammadmahoor.com/affectnet/",
        "affectnet8": "AffectNet is given out on request: http://mohammadmahoor.com/affectnet/",
    }
)


@dataclass(frozen=True, slots=True)
class TestSet:
    """The usable rows of one file, and the reasons why others were left out."""

    __test__ = False  # not a test, whatever pytest makes of the name

    file: Path
    rows: tuple[Row, ...]
    problems: tuple[str, ...]


def find_test_file(dataset: str) -> Path | None:
    """The test split of a dataset under TAG_DATA_DIR, with detections where they were made."""
    data_dir = os.environ.get(DATA_DIR_VARIABLE, "")
    if not data_dir:
        return None
    files = (Path(data_dir, dataset, stage, "test.jsonl").resolve() for stage in STAGES)
    return next((file for file in files if file.is_file()), None)


def require_test_files(datasets: Iterable[str]) -> None:
    """Checks that each dataset has its test split.

    Raises:
        WrongConfigurationError: one message about everything that is missing, with the commands.
    """
    missing = [name for name in dict.fromkeys(datasets) if find_test_file(name) is None]
    if not missing:
        return
    where = os.environ.get(DATA_DIR_VARIABLE) or f"{DATA_DIR_VARIABLE} (it is not set)"
    lines = [f"tag-plugin: no test data for {', '.join(missing)} in {where}; next:"]
    if not os.environ.get(DATA_DIR_VARIABLE):
        lines.append(f"  export {DATA_DIR_VARIABLE}=/where/the/data/should/be")
    for name in missing:
        access = f"   # {_ACCESS[name]}" if name in _ACCESS else ""
        command = _PREPARE.get(name, f"tag-plugin prepare {name}")
        lines.append(f"  {command} --out ${DATA_DIR_VARIABLE}{access}")
    raise WrongConfigurationError("\n".join(lines))


def read_test_set(dataset: str) -> TestSet:
    """Reads the test split of a dataset; what cannot be used is left out with its reason.

    Raises:
        WrongConfigurationError: no file, not one usable row, or a picture that is not a face frame.
    """
    require_test_files([dataset])
    file = find_test_file(dataset)
    assert file is not None  # noqa: S101  # just required; mypy cannot see it
    rows: list[Row] = []
    problems: list[str] = []
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    rows.append(_read(line, file, number))
                except RowError as error:
                    problems.append(str(error))
    if not rows:
        first = problems[0] if problems else "it is empty"
        raise WrongConfigurationError(
            f"tag-plugin: {file} has no usable row: {first}; next: tag-plugin prepare again"
        )
    if len({row.label_set for row in rows}) > 1:
        raise WrongConfigurationError(
            f"tag-plugin: {file} mixes label sets; next: tag-plugin prepare again"
        )
    return TestSet(file, tuple(rows), tuple(problems))


def image_path(file: Path, row: Row) -> Path:
    """Where the picture of a row lies that was read from `file`."""
    return file.parent.parent / row.image


def columns(test_set: TestSet, question: Question) -> dict[str, list[str]]:
    """The documents, column by column."""
    rows = test_set.rows
    prompt = question.prompt(rows[0].reference.labels)
    return {
        "id": [row.id for row in rows],
        "image": [str(image_path(test_set.file, row)) for row in rows],
        "label": [row.label for row in rows],
        "row": [row.model_dump_json(exclude={"trace", "provenance"}) for row in rows],
        "prompt": [prompt] * len(rows),
        "frame": [str(question.frame)] * len(rows),
        "question": ["label_only" if question.label_only else "grounded"] * len(rows),
    }


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """The picture of a document, as it lies on disk."""
    with Image.open(doc["image"]) as image:
        return [image.convert("RGB")]


def _read(line: str, file: Path, number: int) -> Row:
    where = f"{file}:{number}"
    row = parse_row(line, where)
    path = image_path(file, row)
    try:
        with Image.open(path) as image:
            width, height = image.size
    except (FileNotFoundError, UnidentifiedImageError) as error:
        raise RowError(f"{where}: row {row.id}: {error}") from None
    if (width, height) != (FACE_FRAME, FACE_FRAME):
        raise WrongConfigurationError(
            f"tag-plugin: {path} ({where}) is {width}x{height}, not {FACE_FRAME}x{FACE_FRAME}: its "
            "boxes would mean other places; next: tag-plugin prepare again"
        )
    return row
