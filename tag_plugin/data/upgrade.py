"""Rows of an older version, written anew as today's; the old file stays beside the new one."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.rows import BadRows, Row, RowError, dump_row, parse_row, row_lines
from tag_plugin.data.text_file import TextFileError

KEPT: Final = ".old"
"""Behind the name of a file that was written anew: what stood there before."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """One file: its rows, how many of them are written otherwise now, and its lines without one."""

    file: Path
    rows: int
    changed: int
    left_out: int


def upgrade(path: Path) -> list[Upgraded]:
    """Writes every file of rows below a dataset's folder, or one file, as today's rows.

    Files that hold no row, or none that changes, stay as they are. A line that is no row is named,
    and stays in the old file only.

    Raises:
        RowError: not one row.
        FileNotFoundError: no such file or folder.
    """
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    done = [each for each in map(_upgraded, files) if each is not None]
    if not done:
        raise RowError(f"{path}: not one row; next: name a dataset's folder, or a file of rows")
    return done


def _upgraded(file: Path) -> Upgraded | None:
    problems: list[RowError] = []
    try:
        changes = [line.strip() != dump_row(row) for line, row in _rows(file, problems.append)]
    except TextFileError:  # no text: not one of ours
        return None
    if not changes:
        return None
    named = BadRows()
    for problem in problems:
        named(problem)
    if any(changes):
        old = file.with_name(f"{file.name}{KEPT}")
        if not old.exists():
            shutil.copyfile(file, old)
        with atomic_write(file) as partial, partial.open("w", encoding="utf-8") as out:
            out.writelines(dump_row(row) + "\n" for _, row in _rows(file, problems.append))
    return Upgraded(file, len(changes), sum(changes), named.count)


def _rows(file: Path, bad: Callable[[RowError], None]) -> Iterator[tuple[str, Row]]:
    for where, line in row_lines(file):
        try:
            yield line, parse_row(line, where)
        except RowError as error:
            bad(error)
