"""What becomes of an input of a stage: a row, or a reason why there is none."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

NAMED_DROPS: Final = 20
"""So many dropped inputs are named in the manifest for each reason; all of them in a file."""


class StageError(RuntimeError):
    """A stage that cannot start or go on; the message says the next command."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An input that became a row: the row as one line of JSON, and a word to count it under.

    `counted`, here and of what was dropped, is a class and the columns that it counts in, where the
    stage has a table by class.
    """

    row: str
    note: str = ""
    counted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """An input that gave no row: `reason` is one of a few fixed phrases, `detail` is free."""

    id: str
    reason: str
    detail: str = ""
    counted: tuple[str, ...] = ()


Outcome = Kept | Dropped


@dataclass
class Tally:
    """What a finished split holds; `named` are the first dropped inputs of each reason.

    `by_class` holds the columns of the stage's table for each class.
    """

    rows: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)
    by_class: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        if outcome.counted:
            label, *columns = outcome.counted
            self.by_class.setdefault(label, Counter()).update(columns)
        if isinstance(outcome, Kept):
            self.rows += 1
            self.notes[outcome.note] += 1
            return
        self.dropped[outcome.reason] += 1
        named = self.named.setdefault(outcome.reason, [])
        if len(named) < NAMED_DROPS:
            named.append(f"{outcome.id}: {outcome.detail}" if outcome.detail else outcome.id)

    def as_json(self) -> dict[str, Any]:
        """For the manifest: counts, and what was dropped by reason with the first ids."""
        return {
            "inputs": self.rows + self.dropped.total(),
            "rows": self.rows,
            "counts": dict(sorted(self.notes.items())),
            "dropped": {
                reason: {"count": count, "ids": self.named[reason]}
                for reason, count in sorted(self.dropped.items())
            },
            **({"by_class": dict(sorted(self.by_class.items()))} if self.by_class else {}),
        }
