"""One SQLite connection in a thread of its own: whatever waits is done in one transaction.

A transaction ends with an fsync. While one is on its way, others queue up and share the next one,
so that a slow disk costs time a batch, not time a record.
"""

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]

_BATCH: Final = 256
"""At most so many pieces of work in one transaction."""


@dataclass(slots=True)
class _Task:
    work: Work[Any]
    future: "Future[Any]"
    result: Any = None
    error: sqlite3.Error | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        try:
            self.result = self.work(connection)
        except sqlite3.Error as error:
            self.error = error

    def settle(self, error: sqlite3.Error | None) -> None:
        """Tell whoever waits; the result counts only once it is on disk."""
        failure = error or self.error
        if failure is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(failure)


class Keeper:
    """Runs functions of the connection, in order; a result is given out after the commit."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._queue: SimpleQueue[_Task | None] = SimpleQueue()
        opened: Future[None] = Future()
        self._thread = Thread(target=self._run, args=(opened,), name="attempt-journal")
        self._thread.start()
        opened.result()

    def submit(self, work: Work[Result]) -> "Future[Result]":
        """Queue a piece of work; its future ends in a result that is on disk, or a sqlite error."""
        future: Future[Result] = Future()
        self._queue.put(_Task(work, future))
        return future

    def close(self) -> None:
        """Do what is queued, then close the file."""
        self._queue.put(None)
        self._thread.join()

    def _run(self, opened: "Future[None]") -> None:
        try:
            connection = open_database(self._path, self._schema)
        except sqlite3.Error as error:
            opened.set_exception(error)
            return
        opened.set_result(None)
        try:
            while tasks := self._next():
                _transaction(connection, tasks)
        finally:
            connection.close()

    def _next(self) -> list[_Task]:
        """What waits, at least one; empty at the end."""
        tasks: list[_Task] = []
        task = self._queue.get()
        while task is not None:
            tasks.append(task)
            if len(tasks) == _BATCH:
                return tasks
            try:
                task = self._queue.get_nowait()
            except Empty:
                return tasks
        if tasks:
            self._queue.put(None)
        return tasks


def open_database(path: Path, schema: str) -> sqlite3.Connection:
    """A connection that no other process shares, and whose commits survive a loss of power.

    Exclusive locking keeps WAL free of shared memory, which network file systems lack.

    Raises:
        sqlite3.Error: another process has it, or it is not a database.
    """
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(schema)
    return connection


def _transaction(connection: sqlite3.Connection, tasks: list[_Task]) -> None:
    failure: sqlite3.Error | None = None
    try:
        connection.execute("BEGIN")
        for task in tasks:
            task.run(connection)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        failure = error
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    for task in tasks:
        task.settle(failure)
