"""The table of paid replies: one SQLite file, on disk before anything depends on a reply.

A reply is found again by the key of its request, whatever the order or the number of requests in
flight, so that nothing is paid twice. Several processes may use one file at the same time, on a
shared folder too: it has a rollback journal and SQLite's own locks, and no shared memory.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from tag_plugin.asking.limits import Spent
from tag_plugin.asking.request import AskingError, Reply, Request
from tag_plugin.data.text_file import file_size

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS replies (
    request TEXT PRIMARY KEY, model TEXT, reply BLOB, finish TEXT,
    prompt_tokens INTEGER, completion_tokens INTEGER, cost REAL, seconds REAL, received TEXT
);
"""
_FIND: Final = (
    "SELECT reply, finish, prompt_tokens, completion_tokens, cost, seconds FROM replies "
    "WHERE request = ?"
)
_KINDS: Final = (bytes, str, int | None, int | None, float, float)
_KEEP: Final = "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SPENT: Final = (
    "SELECT COALESCE(MAX(rowid), ?1), COUNT(*), "
    "COALESCE(SUM(prompt_tokens), 0) + COALESCE(SUM(completion_tokens), 0), "
    "COALESCE(SUM(cost), 0.0) FROM replies WHERE rowid > ?1"
)
_TAKE_IN: Final = "INSERT OR IGNORE INTO main.replies SELECT * FROM earlier.replies"
_PATIENCE: Final = 20.0
"""Seconds that another process may hold the file."""

Result = TypeVar("Result")
Statement = tuple[str, Sequence[Any]]
"""SQL and its values."""


class Replies:
    """An open table; made anywhere, used inside one event loop. One thread at a time works on it.

    Args:
        path: the file; a new one is made where there is none.
        more: further tables, for `write`.

    Raises:
        AskingError: it is no such table, it is damaged, or somebody else holds it.
    """

    def __init__(self, path: Path, more: str = "") -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1)
        self._queue: list[Statement] = []
        self._last = 0
        self.total = Spent()
        """What all replies came to when that was last looked up."""
        self._connection = self._named(lambda: _opened(path, _SCHEMA + more))

    async def find(self, key: str) -> Reply | None:
        """The reply that was paid for before, by this run or another.

        Raises:
            AskingError: the file cannot be read, or what is in it was not written here.
        """
        row = await self._run(lambda: self._connection.execute(_FIND, (key,)).fetchone())
        if row is None:
            return None
        with suppress(UnicodeDecodeError):
            if all(map(isinstance, row, _KINDS)):
                return Reply(row[0].decode("utf-8", "surrogatepass"), *row[1:])
        raise AskingError(
            f"{self._path}: the reply to request {key} is damaged; next: delete its row, and it is "
            "asked (and paid) again"
        )

    async def keep(self, request: Request, reply: Reply) -> None:
        """Keep a reply; on disk when this returns.

        Raises:
            AskingError: it cannot be written.
        """
        row = (
            request.key,
            request.model,
            reply.text.encode("utf-8", "surrogatepass"),  # it may hold half a character
            reply.finish,
            reply.prompt_tokens,
            reply.completion_tokens,
            reply.cost,
            reply.seconds,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        await self.write((_KEEP, row))

    async def spent(self) -> Spent:
        """What all replies come to, those that other processes have written meanwhile too."""
        return await self._run(self._add_up)

    async def write(self, *statements: Statement) -> None:
        """Do these; what waits while a transaction ends shares the next one.

        Raises:
            AskingError: they cannot be done.
        """
        self._queue.extend(statements)
        await self._run(self._commit)

    def close(self) -> None:
        """Close the file, once what was begun is done, even where nobody waits for it any more."""
        self._thread.shutdown()
        self._connection.close()

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._named, work)

    def _add_up(self) -> Spent:
        self._last, *more = self._connection.execute(_SPENT, (self._last,)).fetchone()
        self.total = self.total.plus(Spent(*more))
        return self.total

    def _commit(self) -> None:
        """All that is queued; an error leaves it there, and everybody who waits is told."""
        statements = self._queue[:]
        if not statements:  # the one before has done them
            return
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, values in statements:
                self._connection.execute(sql, values)
        del self._queue[: len(statements)]

    def _named(self, work: Callable[[], Result]) -> Result:
        try:
            return work()
        except (sqlite3.Error, ValueError, OverflowError, OSError) as error:
            reason, step = str(error), "free space, or mend or move the file"
            if "locked" in reason:
                reason, step = "another program has been holding it", "wait for it or end it"
            raise AskingError(
                f"{self._path}: {reason.removeprefix(f'{self._path}: ')}; next: {step}, then run "
                "the same command again"
            ) from None


def _opened(path: Path, schema: str) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        file_size(path)
    connection = sqlite3.connect(path, _PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(schema)
        connection.execute(_FIND, ("",))
        for earlier in sorted(path.parent.glob(f"{path.stem}-*-of-*{path.suffix}")):
            connection.execute("ATTACH ? AS earlier", (str(earlier),))
            connection.execute(_TAKE_IN)
            connection.execute("DETACH earlier")
            earlier.rename(earlier.with_suffix(".taken-in"))
    except BaseException:
        connection.close()
        raise
    return connection
