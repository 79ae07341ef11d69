"""What a stage works through: which files, and how one input is told from others."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final, Protocol

from tag_plugin.data.rows import NOT_A_ROW, SPLITS, Row, RowError, Split, parse_row, row_lines
from tag_plugin.pipeline.outcomes import Dropped, StageError

CHECKED: Final = "checked"
"""The folder of `quality`'s rows."""
CHECKED_MANIFEST: Final = "quality.json"


class Inputs(Protocol):
    """The inputs of one split: always in the same order, and counted without much work."""

    @property
    def parse(self) -> Callable[[Any], Any]:
        """A raw input -> what the work takes, or its `Dropped`; called in the worker."""

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Every input as (what tells it from another one, the raw input), one at a time."""

    def __len__(self) -> int:
        """How many."""


def _row_or_drop(raw: tuple[str, str]) -> Row | Dropped:
    where, line = raw
    try:
        return parse_row(line, where)
    except RowError as error:
        return Dropped(where, NOT_A_ROW, str(error).removeprefix(f"{where}: "))


@dataclass(frozen=True, slots=True)
class RowFile:
    """The rows of an earlier stage's file; a line that is no row is dropped."""

    path: Path
    parse: Callable[[Any], Any] = _row_or_drop

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Every line; the workers parse them."""
        return ((line, (where, line)) for where, line in row_lines(self.path))

    def __len__(self) -> int:
        """The number of rows, bad ones among them."""
        return sum(1 for _ in row_lines(self.path))


def row_files(
    directory: Path, stage: str, splits: Iterable[Split], next_command: str
) -> dict[Split, Path]:
    """The files of a stage that are there, by split.

    Raises:
        StageError: there is none; the message says the next command.
    """
    paths = {split: directory / stage / f"{split}.jsonl" for split in splits}
    if not any(path.is_file() for path in paths.values()):
        raise StageError(f"no {stage} rows in {directory / stage}; next: {next_command}")
    return {split: path for split, path in paths.items() if path.is_file()}


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files, by folder and name: tells whether a stage's input has changed."""
    by_name = {}
    for path in paths:
        with path.open("rb") as file:
            by_name[f"{path.parent.name}/{path.name}"] = file_digest(file, "sha256").hexdigest()
    return by_name


def prepared_files(directory: Path) -> dict[Split, Path]:
    """The row files that `prepare` wrote.

    Raises:
        StageError: there is none; the message says the next command.
    """
    prepare = f"tag-plugin prepare {directory.name} --root DIR --out {directory.parent}"
    return row_files(directory, "prepared", SPLITS, prepare)


def faces_to_detect(directory: Path) -> dict[Split, Path]:
    """The row files of `quality`, or those of `prepare` where it was not run.

    Raises:
        StageError: nothing is prepared, or the quality check has not ended.
    """
    prepared = prepared_files(directory)
    if not (directory / CHECKED_MANIFEST).is_file() and not (directory / CHECKED).is_dir():
        return prepared
    checked = {split: directory / CHECKED / f"{split}.jsonl" for split in prepared}
    missing = [split for split, path in checked.items() if not path.is_file()]
    if missing:
        raise StageError(
            f"the quality check of {directory} has not ended ({', '.join(missing)} missing); next: "
            f"tag-plugin quality {directory}, or remove {directory / CHECKED} and "
            f"{directory / CHECKED_MANIFEST} to do without it"
        )
    return checked


def file_of_test(directory: Path) -> Path | None:
    """The test split, as evaluation reads it; None where there is none."""
    return _latest(directory, "test", ("detected", CHECKED, "prepared"))


def files_of_dataset(directory: Path) -> dict[str, Path]:
    """Part -> the file, or the folder of files, of the latest stage that made it.

    Parts: sft, rl and dev, or train and dev; test.
    """
    made = directory / "dataset"
    parts = {part: (made / f"{part}.jsonl", made / part) for part in ("sft", "rl", "dev")}
    files = {part: path for part, paths in parts.items() for path in paths if path.exists()}
    for split in (split for split in SPLITS if split != "train" or "sft" not in files):
        latest = _latest(directory, split, ("built", "detected", CHECKED, "prepared"))
        if latest is not None:
            files.setdefault(split, latest)
    return files


def _latest(directory: Path, split: str, stages: Iterable[str]) -> Path | None:
    files = (directory / stage / f"{split}.jsonl" for stage in stages)
    return next((file for file in files if file.is_file()), None)
