"""An evaluation with --use_cache goes on where it was killed.

The host stores answers once the model has given all of them, and reads only runs that came to their
end. Here they are stored batch by batch, and what killed runs left is read first.
"""

import functools
import json
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from loguru import logger
from rich.console import Console
from rich.progress import Progress

_LOCK_SECONDS: Final = 600
"""A merge takes seconds; a lock that is older belongs to nobody."""

_SIZES: Final = ("batch_size", "batch_size_per_gpu", "num_concurrent")
"""Where a model says how many requests it takes at once."""


def asking_by_batch(execute: Any) -> Callable[..., Any]:
    """The host's `ResponseCache.execute`; the answers of a batch are stored before the next."""

    @functools.wraps(execute)
    def execute_by_batch(self: Any, lm: Any, reqtype: str, requests: Sequence[Any]) -> list[Any]:
        sizes = (getattr(lm, name, 1) for name in _SIZES)
        size = max(1, *(each for each in sizes if isinstance(each, int)))
        answers, total = [], len(requests)
        logger.disable(type(self).__module__)  # two lines a batch
        try:
            with _one_bar(lm, total) as answered:
                for start in range(0, total, size):
                    answers.extend(execute(self, lm, reqtype, requests[start : start + size]))
                    answered(len(answers))
        finally:
            logger.enable(type(self).__module__)
        logger.info(f"--use_cache: {self.get_stats()['hits']} answers of {total} were there")
        return answers

    return execute_by_batch


@contextmanager
def _one_bar(model: Any, total: int) -> Iterator[Callable[[int], None]]:
    """One progress bar over all batches, which is told how many are answered.

    In the place of the wrapper's bar for each.
    """
    modules = [sys.modules[each.__module__] for each in type(model).__mro__]
    bars = [(module, vars(module)["tqdm"]) for module in modules if "tqdm" in vars(module)]
    for module, bar in bars:
        vars(module)["tqdm"] = partial(_hidden, bar)
    try:
        silent = os.environ.get("RANK", "0") != "0"
        with Progress(console=Console(stderr=True), disable=silent) as progress:
            shown = progress.add_task("answers", total=total)
            yield lambda answered: progress.update(shown, completed=answered)
    finally:
        for module, bar in reversed(bars):
            vars(module)["tqdm"] = bar


def _hidden(bar: Any, *args: Any, **kwargs: Any) -> Any:
    return bar(*args, **{**kwargs, "disable": True})


def recover(root: Path, host: ModuleType) -> None:
    """Puts what killed runs left into the cache that the next run reads.

    Args:
        root: the folder of --use_cache.
        host: lmms_eval/caching/response_cache.py.
    """
    runs, target = root / host._LAYERED_RUNS_DIRNAME, root / "cache.db"
    if not runs.is_dir():
        return
    lock = runs / host._LAYERED_LOCK_DIRNAME
    _drop_stale_lock(lock)
    left = [run for run in sorted(runs.iterdir()) if _has_answers_left(run, host)]
    if not left and not target.with_name("cache.db-wal").exists():
        return
    try:
        with host._merge_lock(str(lock)):
            for shard in (shard for run in left for shard in sorted(run.glob("rank_*.db"))):
                _merge(shard, target, host)
            host.ResponseCache.merge_shards([], str(target))  # settles what a killed merge left
    except (TimeoutError, sqlite3.Error) as error:
        logger.warning(f"--use_cache: what killed runs left in {root} cannot be read now: {error}")


def _has_answers_left(run: Path, host: ModuleType) -> bool:
    """Whether a run has answers that were written after it was last merged."""
    written = [file.stat().st_mtime_ns for file in run.glob("rank_*")]
    merged = run / host._LAYERED_MERGED_MARKER
    return bool(written) and not (merged.is_file() and merged.stat().st_mtime_ns >= max(written))


def _merge(shard: Path, target: Path, host: ModuleType) -> None:
    try:
        host.ResponseCache.merge_shards([str(shard)], str(target))
    except sqlite3.Error as error:  # killed before its tables were made
        logger.debug(f"--use_cache: {shard}: {error}")


def _drop_stale_lock(lock: Path) -> None:
    """Removes the lock of a merge whose process was killed."""
    owner, oldest = lock / "owner.json", time.time() - _LOCK_SECONDS
    if lock.is_dir() and (lock.stat().st_mtime < oldest or _owner_is_dead(owner)):
        logger.warning(f"--use_cache: {lock} was left by a killed run and is removed")
        owner.unlink(missing_ok=True)
        lock.rmdir()


def _owner_is_dead(owner: Path) -> bool:
    try:
        held = json.loads(owner.read_text(encoding="utf-8"))
        if held["hostname"] == socket.gethostname():
            os.kill(int(held["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return isinstance(error, ProcessLookupError)  # else another user's, or half written
    return False
