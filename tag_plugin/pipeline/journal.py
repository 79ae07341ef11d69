"""The journal of a stage: what was done so far, one line an input, safe against a kill -9.

Every outcome is appended and flushed as soon as it is known, in input order. A run that died
leaves at most one half-written line, which the next run drops before it goes on.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TextIO

from tag_plugin.data.atomic_write import full_disk_named

NAMED_DROPS: Final = 20
"""So many dropped inputs are named in the manifest for each reason; all of them in a file."""


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
    """What a finished split holds; `named` are the first dropped inputs of each reason."""

    rows: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """Inputs seen: rows and drops."""
        return self.rows + self.dropped.total()

    def drop(self, entry: str, reason: str, detail: str) -> None:
        """Count one dropped input."""
        self.dropped[reason] += 1
        named = self.named.setdefault(reason, [])
        if len(named) < NAMED_DROPS:
            named.append(f"{entry}: {detail}" if detail else entry)

    def as_json(self) -> dict[str, Any]:
        """For the manifest: counts, and what was dropped by reason with the first ids."""
        return {
            "inputs": self.inputs,
            "rows": self.rows,
            "counts": dict(sorted(self.notes.items())),
            "dropped": {
                reason: {"count": count, "ids": self.named[reason]}
                for reason, count in sorted(self.dropped.items())
            },
        }


def dropped_file(directory: Path, output: str, split: str) -> Path:
    """Where a stage lists what it dropped: a JSON object a line with id, reason and detail."""
    return directory / "dropped" / f"{output}-{split}.jsonl"


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
        with full_disk_named(self._path):
            self._file.write(_line(outcome))
            self._file.flush()
        self.done += 1

    def finish(self, target: Path, dropped: Path | None = None) -> Tally:
        """Write the rows to `target` and the drops to `dropped`, and remove the journal.

        Both files appear in one step; without a drop there is no file of drops.

        Raises:
            StageError: the journal has lines that this run did not write.
        """
        self._file.close()
        partial = target.with_name(target.name + ".partial")
        drops = target.with_name(target.name + ".dropped.partial")
        with (
            full_disk_named(partial),
            partial.open("w", encoding="utf-8") as rows,
            drops.open("w", encoding="utf-8") as out,
        ):
            tally = _sort_out(self._path, rows, out)
        if tally.inputs != self.done:
            raise StageError(
                f"{self._path} holds {tally.inputs} outcomes, not {self.done}: two runs wrote it "
                "at the same time; next: run the command once more with --restart"
            )
        if dropped is not None and tally.dropped:
            dropped.parent.mkdir(parents=True, exist_ok=True)
            drops.replace(dropped)
        drops.unlink(missing_ok=True)
        partial.replace(target)
        self._path.unlink()
        return tally

    def __enter__(self) -> Self:
        """Open since construction."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; what was added stays."""
        with full_disk_named(self._path):
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


def _sort_out(path: Path, rows: TextIO, drops: TextIO) -> Tally:
    """The journal's rows and drops, each into its file, one line at a time."""
    tally = Tally()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("+"):
                note, row = line[1:].rstrip("\n").split("\t", 1)
                tally.rows += 1
                tally.notes[note] += 1
                rows.write(row + "\n")
            else:
                entry, reason, detail = json.loads(line[1:])
                tally.drop(entry, reason, detail)
                found = {"id": entry, "reason": reason, "detail": detail}
                drops.write(json.dumps(found, ensure_ascii=False) + "\n")
    return tally
