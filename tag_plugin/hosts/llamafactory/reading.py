"""The reading of a run's TAG rows: their lengths, and whether every process reads the same ones."""

import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from tag_plugin.hosts.llamafactory.log import logger
from tag_plugin.hosts.llamafactory.model_view import SampleLengths
from tag_plugin.hosts.llamafactory.processes import of_every_process

NAMED: Final = 20
"""So many skipped rows are named on the console; all of them in `skipped_rows_file`."""


class TagDatasetError(ValueError):
    """A TAG dataset that cannot be trained on; the message names it and the next command."""


@dataclass(frozen=True, slots=True)
class RowsRead:
    """What one process read of one dataset."""

    dataset: str
    total: int
    skipped: tuple[str, ...]
    digest: str
    host: str = field(default_factory=socket.gethostname)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rows of a run are measured by, and what was read so far."""

    lengths: SampleLengths | None
    datasets: list[RowsRead] = field(default_factory=list)


READING: Final[ContextVar[Reading]] = ContextVar("reading")


@contextmanager
def reading(lengths: SampleLengths | None) -> Iterator[None]:
    """Around the host's reading of its data.

    Raises:
        TagDatasetError: the processes of the run do not read the same rows.
    """
    token = READING.set(Reading(lengths))
    try:
        yield
        check_same_rows(of_every_process(READING.get().datasets))
    finally:
        READING.reset(token)


def note_rows(dataset: str, problems: list[str], path: Path) -> None:
    """Keeps which rows of a file this process uses, to be compared with the others."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(np.flatnonzero([not problem for problem in problems]).tobytes())
    READING.get(Reading(None)).datasets.append(
        RowsRead(dataset, len(problems), tuple(filter(None, problems)), digest.hexdigest())
    )


def check_same_rows(processes: list[list[RowsRead]]) -> None:
    """Processes with different rows wait for each other for ever, or train on different data.

    Raises:
        TagDatasetError: names the dataset, the counts and the first row that is skipped elsewhere.
    """
    for mine, *others in zip(*processes, strict=True):
        for rank, theirs in enumerate(others, start=1):
            if theirs.digest != mine.digest:
                for problem in _skipped_only(theirs, mine)[:NAMED]:  # process 0 has named its own
                    logger.warning_rank0(
                        f"TAG row skipped in process {rank} ({theirs.host}): {problem}"
                    )
                raise TagDatasetError(
                    f"TAG dataset {mine.dataset}: process 0 ({mine.host}) reads "
                    f"{_count(mine)}, process {rank} ({theirs.host}) {_count(theirs)}"
                    f"{_first_difference(mine, theirs)}; next: the same files on every machine"
                )


def _skipped_only(one: RowsRead, other: RowsRead) -> list[str]:
    """What one process skips and the other does not."""
    return [problem for problem in one.skipped if problem not in set(other.skipped)]


def _count(rows: RowsRead) -> str:
    return f"{rows.total - len(rows.skipped)} of {rows.total} rows"


def _first_difference(mine: RowsRead, theirs: RowsRead) -> str:
    once = [*_skipped_only(theirs, mine), *_skipped_only(mine, theirs)]
    return f" (skipped in one of them only: {once[0]})" if once else " of another file"


def missing_pictures(lines: list[str], root: Path) -> list[str]:
    """For rows of a stream, which are read later: the name of each picture that is not there."""
    return [_missing(line, root) for line in lines]


def _missing(line: str, root: Path) -> str:
    try:
        path = root / json.loads(line)["image"]
        return "" if path.is_file() else f"{path}: no such file"
    except (ValueError, KeyError, TypeError, OSError):
        return ""  # a broken row, which every process skips when the stream comes to it
