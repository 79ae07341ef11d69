"""What writing came to: acceptance by class, attempts, eliminated labels, tokens and cost.

It is counted from the table of attempts, which lies beside that of the replies. The same JSON
stands in the manifest (`writer_statistics` of each split) and in the dataset card.
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.write.verdict import Finding

STATISTICS: Final = "writer_statistics"
"""The key of a split's statistics in the manifest."""
ATTEMPTS: Final = """
CREATE TABLE IF NOT EXISTS attempts (
    split TEXT, row TEXT, number INTEGER, label TEXT, request TEXT, finding TEXT, predicted TEXT,
    format REAL, answer REAL, grounding REAL, complaints TEXT,
    PRIMARY KEY (split, row, number)
) WITHOUT ROWID;
"""
RECORD: Final = "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
FORGET: Final = "DELETE FROM attempts WHERE split = ? AND row = ?"
FORGET_ALL: Final = "DELETE FROM attempts"

Statistics = dict[str, Any]

_QUERIES: Final = {
    "classes": (
        "SELECT label, COUNT(*), SUM(finding = 'kept'), SUM(finding = 'kept' AND number = 1) FROM "
        "(SELECT label, finding, MAX(number) AS number FROM attempts WHERE split = ? GROUP BY row) "
        "GROUP BY label ORDER BY label"
    ),
    "numbers": (
        "SELECT number, COUNT(*) FROM attempts WHERE split = ? AND finding = 'kept' GROUP BY number"
    ),
    "findings": "SELECT finding, COUNT(*) FROM attempts WHERE split = ? GROUP BY finding",
    "eliminated": (
        "SELECT label, predicted, COUNT(*) FROM attempts WHERE split = ? AND finding = ? "
        "GROUP BY label, predicted"
    ),
    "complaints": (
        "SELECT complaints, COUNT(*) FROM attempts WHERE split = ? AND complaints != '' "
        "AND finding != 'no reply' GROUP BY complaints"
    ),
    "replies": (
        "SELECT COUNT(*), COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0), "
        "COALESCE(SUM(prompt_tokens IS NULL), 0), COALESCE(SUM(cost), 0.0), "
        "COALESCE(SUM(seconds), 0.0) FROM replies WHERE request IN "
        "(SELECT request FROM attempts WHERE split = ?)"
    ),
    "failures": (
        "SELECT substr(complaints, 1, instr(complaints || ':', ':') - 1), COUNT(*) FROM attempts "
        "WHERE split = ? AND finding = 'no reply' GROUP BY 1"
    ),
}


def table_file(directory: Path) -> Path:
    """Where the replies and attempts of a dataset lie."""
    return directory / "writing" / "attempts.sqlite"


def collect(path: Path, split: str) -> Statistics:
    """The statistics of one split.

    Raises:
        StageError: the file is held by another program, or damaged.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            return _counted(connection, split)
    except sqlite3.Error as error:
        raise StageError(
            f"{path}: {error}; next: free or mend the file, then run the same command again"
        ) from None


def table(split: str, statistics: Mapping[str, Any]) -> Table:
    """For people: acceptance by class, and what it took."""
    by_class = statistics["by_class"]
    shown = Table("class", "asked", "kept", "share", "kept at once", title=f"{split}: written")
    for label, of_class in by_class.items():
        shown.add_row(*_cells(label, Counter(of_class)))
    shown.add_section()
    shown.add_row(*_cells("all", sum(map(Counter, by_class.values()), Counter())))
    shown.caption = _caption(statistics)
    return shown


def _counted(connection: sqlite3.Connection, split: str) -> Statistics:
    def rows(query: str, *more: object) -> list[tuple[Any, ...]]:
        return connection.execute(_QUERIES[query], (split, *more)).fetchall()

    replies, prompt, completion, silent, cost, seconds = rows("replies")[0]
    eliminated: dict[str, dict[str, int]] = {}
    for label, predicted, count in rows("eliminated", str(Finding.PREDICTION)):
        eliminated.setdefault(label, {})[predicted] = count
    return {
        "by_class": {
            label: {"asked": asked, "kept": kept, "kept_at_once": at_once}
            for label, asked, kept, at_once in rows("classes")
        },
        "kept_after_attempts": {str(number): count for number, count in rows("numbers")},
        "attempts": dict(rows("findings")),
        "eliminated": eliminated,
        "complaints": _single_complaints(rows("complaints")),
        "replies": replies,
        "replies_without_usage": silent,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cost": round(cost, 6),
        "seconds": round(seconds, 3),
        "failed_requests": dict(rows("failures")),
    }


def _single_complaints(joined: list[tuple[Any, ...]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for text, count in joined:
        counts.update(dict.fromkeys(text.split("; "), count))
    return dict(counts.most_common())


def _cells(label: str, of_class: Mapping[str, int]) -> list[str]:
    asked, kept, at_once = of_class["asked"], of_class["kept"], of_class["kept_at_once"]
    shares = [f"{number / asked:.3f}" if asked else "-" for number in (kept, at_once)]
    return [label, str(asked), str(kept), *shares]


def _caption(statistics: Mapping[str, Any]) -> str:
    eliminated = sum(map(Counter, statistics["eliminated"].values()), Counter[str]())
    parts = {
        "attempts": statistics["attempts"],
        "kept after attempts": statistics["kept_after_attempts"],
        "eliminated": dict(eliminated.most_common()),
        "failed requests": statistics["failed_requests"],
    }
    lines = (
        f"{title}: {', '.join(f'{name} {count}' for name, count in counts.items())}"
        for title, counts in parts.items()
        if counts
    )
    spent = (
        f"{statistics['replies']} replies, {statistics['prompt_tokens']} + "
        f"{statistics['completion_tokens']} tokens, cost {statistics['cost']:.4f}"
    )
    return "\n".join((*lines, spent))
