"""What a stage works through, and how it is told from other inputs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Protocol

from tag_plugin.data.rows import NOT_A_ROW, Row, RowError, Split, parse_row, row_lines
from tag_plugin.pipeline.outcomes import Dropped, StageError


class Inputs(Protocol):
    """The inputs of one split: always in the same order, and counted without much work."""

    @property
    def parse(self) -> Callable[[Any], Any]:
        """A raw input -> what the work takes, or its `Dropped`; called in the worker."""
        ...

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Every input as (what tells it from another one, the raw input), one at a time."""
        ...

    def __len__(self) -> int:
        """How many."""
        ...


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
