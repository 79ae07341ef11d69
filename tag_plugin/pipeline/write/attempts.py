"""The attempt journal: every reply that was ever paid for, and what came of it.

A reply is written, and on disk, before anything depends on it. It is found again by the key of
its request, whatever the order or the number of requests in flight, so that nothing is paid twice.
It lies outside the stage's output: `--restart` judges the old replies anew and pays only for what
was never asked.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.write.keeper import Keeper, Work
from tag_plugin.pipeline.write.keeper import Result as WorkResult
from tag_plugin.pipeline.write.request import Reply, Request, RequestError
from tag_plugin.pipeline.write.verdict import Verdict

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS replies (
    request TEXT PRIMARY KEY, model TEXT, reply BLOB, finish TEXT,
    prompt_tokens INTEGER, completion_tokens INTEGER, cost REAL, seconds REAL, received TEXT
);
CREATE TABLE IF NOT EXISTS attempts (
    split TEXT, row TEXT, number INTEGER, label TEXT, request TEXT, finding TEXT, predicted TEXT,
    format REAL, answer REAL, grounding REAL, complaints TEXT,
    PRIMARY KEY (split, row, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    request TEXT, split TEXT, row TEXT, kind TEXT, detail TEXT, failed TEXT
);
"""

_FIND: Final = (
    "SELECT reply, finish, prompt_tokens, completion_tokens, cost, seconds FROM replies "
    "WHERE request = ?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Which attempt at which row; `label` is the row's own."""

    split: str
    row: str
    number: int
    label: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What all replies of a journal come to."""

    requests: int = 0
    tokens: int = 0
    cost: float = 0.0


def journal_file(directory: Path, shard: str | None = None) -> Path:
    """Where the journal of a dataset lies; every share of the parts has one of its own."""
    return directory / "writing" / (f"attempts-{shard}.sqlite" if shard else "attempts.sqlite")


class Attempts:
    """An open journal: one process at a time; `with Attempts(path) as attempts`.

    Raises:
        StageError: another process has it open, or it is not a journal.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        try:
            self._keeper = Keeper(path, SCHEMA)
        except sqlite3.Error as error:
            raise StageError(self._trouble(error)) from None
        self._others = [other for other in sorted(path.parent.glob("*.sqlite")) if other != path]
        self._opened: list[sqlite3.Connection] | None = None

    async def find(self, request: Request) -> Reply | None:
        """The reply that was paid for before, by this run or, with --parts, by another."""
        found = await self._done(lambda connection: _find(connection, request.key))
        if found is None and self._others:
            found = await self._done(lambda own: self._copy(own, request))
        return found

    async def record(
        self, place: Place, request: Request, verdict: Verdict, fresh: Reply | None
    ) -> None:
        """Write an attempt, and its reply when it is `fresh`; returns once both are on disk."""

        def work(connection: sqlite3.Connection) -> None:
            if fresh is not None:
                connection.execute(*_insert_reply(request, fresh))
            connection.execute(*_insert_attempt(place, request, verdict))

        await self._done(work)

    def failed(self, place: Place, request: Request, failure: RequestError) -> None:
        """Note a request that came to nothing; on disk with the next thing that is."""
        values = (request.key, place.split, place.row, failure.kind, str(failure), _now())
        self._keeper.submit(
            lambda connection: connection.execute(
                "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)", values
            )
        )

    def spent(self) -> Spent:
        """What the replies of this journal come to."""
        return self._keeper.submit(_spent).result()

    def forget_attempts(self) -> None:
        """Begin the attempts anew; replies and failures stay."""
        self._keeper.submit(lambda connection: connection.execute("DELETE FROM attempts")).result()

    def __enter__(self) -> Self:
        """Open since construction."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is queued and close."""
        self._keeper.submit(lambda _: self._close_others())
        self._keeper.close()

    async def _done(self, work: Work[WorkResult]) -> WorkResult:
        try:
            return await asyncio.wrap_future(self._keeper.submit(work))
        except sqlite3.Error as error:
            raise StageError(self._trouble(error)) from None

    def _trouble(self, error: sqlite3.Error) -> str:
        if "locked" in str(error):
            return f"{self._path} is in use: another run writes this dataset; next: wait for it"
        return f"{self._path}: {error}; next: free space or mend the file, then run it again"

    def _copy(self, own: sqlite3.Connection, request: Request) -> Reply | None:
        """A reply from another journal, now also in this one."""
        for connection in self._elsewhere():
            try:
                found = _find(connection, request.key)
            except sqlite3.Error:  # a run has begun to write it: its rows are not ours
                continue
            if found is not None:
                own.execute(*_insert_reply(request, found))
                return found
        return None

    def _close_others(self) -> None:
        for connection in self._opened or ():
            connection.close()

    def _elsewhere(self) -> Sequence[sqlite3.Connection]:
        """Journals of other shares, as far as nobody is writing them; in our thread."""
        if self._opened is None:
            self._opened = [found for path in self._others if (found := _open_idle(path))]
        return self._opened


def _open_idle(path: Path) -> sqlite3.Connection | None:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM replies LIMIT 1")
    except sqlite3.Error:
        connection.close()
        return None
    return connection


def _find(connection: sqlite3.Connection, key: str) -> Reply | None:
    found = connection.execute(_FIND, (key,)).fetchone()
    return None if found is None else Reply(found[0].decode("utf-8", "surrogatepass"), *found[1:])


def _insert_reply(request: Request, reply: Reply) -> tuple[str, tuple[object, ...]]:
    values = (
        request.key,
        request.model,
        reply.text.encode("utf-8", "surrogatepass"),  # a reply may hold half a character
        reply.finish,
        reply.prompt_tokens,
        reply.completion_tokens,
        reply.cost,
        reply.seconds,
        _now(),
    )
    return "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values


def _insert_attempt(
    place: Place, request: Request, verdict: Verdict
) -> tuple[str, tuple[object, ...]]:
    values = (
        place.split,
        place.row,
        place.number,
        place.label,
        request.key,
        str(verdict.finding),
        verdict.predicted,
        verdict.format,
        verdict.answer,
        verdict.grounding,
        "; ".join(verdict.complaints),
    )
    return "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values


def _spent(connection: sqlite3.Connection) -> Spent:
    found = connection.execute(
        "SELECT COUNT(*), COALESCE(SUM(prompt_tokens), 0) + COALESCE(SUM(completion_tokens), 0), "
        "COALESCE(SUM(cost), 0.0) FROM replies"
    ).fetchone()
    return Spent(*found)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
