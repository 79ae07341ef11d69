"""The journal of a stage: what was done so far, one line an input, safe against a kill -9.

Every outcome is appended and flushed as soon as it is known, in input order. A run that died
leaves at most one half-written line, which the next run drops before it goes on.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class StageError(RuntimeError):
    """A stage that cannot start or go on; the message says the next command."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An input that became a row: the row as one line of JSON, and a word to count it under."""

    row: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """An input that gave no row: `reason` is one of a few fixed phrases, `detail` is free."""

    id: str
    reason: str
    detail: str = ""


Outcome = Kept | Dropped


@dataclass
class Tally:
    """What a finished split holds."""

    rows: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, list[str]] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """Inputs seen: rows and drops."""
        return self.rows + sum(len(ids) for ids in self.dropped.values())

    def as_json(self) -> dict[str, Any]:
        """For the manifest: counts, and the ids of what was dropped by reason."""
        return {
            "inputs": self.inputs,
            "rows": self.rows,
            "counts": dict(sorted(self.notes.items())),
            "dropped": {
                reason: {"count": len(ids), "ids": ids}
                for reason, ids in sorted(self.dropped.items())
            },
        }


class Journal:
    """An append-only file of outcomes; `with Journal(path) as journal`.

    `done` is the number of inputs that need no more work. One process may write it at a time.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.done = _mend(path)
        self._file = path.open("a", encoding="utf-8")

    def add(self, outcome: Outcome) -> None:
        """Record the outcome of the next input."""
        self._file.write(_line(outcome))
        self._file.flush()
        self.done += 1

    def finish(self, target: Path) -> Tally:
        """Write the rows to `target` in one step and remove the journal.

        Raises:
            StageError: the journal has lines that this run did not write.
        """
        self._file.close()
        tally = Tally()
        partial = target.with_name(target.name + ".partial")
        with partial.open("w", encoding="utf-8") as rows:
            for row in _rows(self._path, tally):
                rows.write(row + "\n")
        if tally.inputs != self.done:
            raise StageError(
                f"{self._path} holds {tally.inputs} outcomes, not {self.done}: two runs wrote it "
                "at the same time; next: run the command once more with --restart"
            )
        partial.replace(target)
        self._path.unlink()
        return tally

    def __enter__(self) -> Self:
        """Open since construction."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file; what was added stays."""
        self._file.close()


def _mend(path: Path) -> int:
    """Cut a half-written last line off; the number of whole lines that remain."""
    if not path.exists():
        return 0
    whole = lines = 0
    with path.open("r+b") as file:
        for line in file:
            if line.endswith(b"\n"):
                whole += len(line)
                lines += 1
        file.truncate(whole)
    return lines


def _line(outcome: Outcome) -> str:
    """`+note<TAB>row` or `-["id","reason","detail"]`."""
    if isinstance(outcome, Kept):
        return f"+{outcome.note}\t{outcome.row}\n"
    return f"-{json.dumps([outcome.id, outcome.reason, outcome.detail])}\n"


def _rows(path: Path, tally: Tally) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("+"):
                note, row = line[1:].rstrip("\n").split("\t", 1)
                tally.rows += 1
                tally.notes[note] += 1
                yield row
            else:
                entry, reason, detail = json.loads(line[1:])
                text = f"{entry}: {detail}" if detail else entry
                tally.dropped.setdefault(reason, []).append(text)
