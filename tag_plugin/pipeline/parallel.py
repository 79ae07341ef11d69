"""Work on many inputs in several processes: results in input order, a bounded number in flight."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from itertools import chain, islice
from multiprocessing import get_context, parent_process, util
from multiprocessing.connection import wait
from threading import Thread
from typing import Any, Final, TypeVar

from tag_plugin.pipeline.journal import StageError

Input = TypeVar("Input")
Result = TypeVar("Result")

OpenWorker = Callable[[], AbstractContextManager[Callable[[Input], Result]]]
"""Called once in each process (so it must be picklable); gives the function for one input."""

_CHUNK: Final = 8
"""Inputs sent to a process at a time, unless the caller says otherwise."""
_CHUNKS_IN_FLIGHT: Final = 4
"""Chunks handed out and not yet collected, for each process: bounds the memory."""


def ordered_map(
    open_worker: OpenWorker[Input, Result],
    inputs: Iterable[Input],
    workers: int,
    chunk: int = _CHUNK,
) -> Iterator[Result]:
    """The result of every input, in order; in this process when `workers` is 1.

    `chunk` inputs are sent to a process at a time.

    Raises:
        StageError: a process died (mostly: out of memory).
    """
    if workers == 1:
        return _in_process(open_worker, inputs)
    return chain.from_iterable(_in_pool(open_worker, iter(inputs), workers, chunk))


def ordered_batches(
    open_worker: OpenWorker[list[Input], list[Result]],
    inputs: Iterable[Input],
    workers: int,
    size: int,
) -> Iterator[Result]:
    """Like `ordered_map`, for a function of a list of up to `size` inputs.

    Raises:
        StageError: a process died.
    """
    batches = _batches(inputs, size)
    return chain.from_iterable(ordered_map(open_worker, batches, workers, chunk=1))


def _batches(inputs: Iterable[Input], size: int) -> Iterator[list[Input]]:
    left = iter(inputs)
    while batch := list(islice(left, size)):
        yield batch


def _in_process(
    open_worker: OpenWorker[Input, Result], inputs: Iterable[Input]
) -> Iterator[Result]:
    with open_worker() as work:
        yield from map(work, inputs)


def _in_pool(
    open_worker: OpenWorker[Input, Result], inputs: Iterator[Input], workers: int, size: int
) -> Iterator[list[Result]]:
    # spawn: a forked child would inherit the threads and locks of the libraries loaded here.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (open_worker,))
    flying: deque[Future[list[Result]]] = deque()
    try:
        while chunk := list(islice(inputs, size)):
            flying.append(pool.submit(_work_through, chunk))
            if len(flying) >= workers * _CHUNKS_IN_FLIGHT:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()
    except BrokenProcessPool:
        raise StageError(
            "a worker process died (out of memory?); next: run the same command again, it goes on "
            "where it stopped, with fewer --workers"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


_worker: Any = None
"""The function of this worker process, set once by `_start_worker`."""


def _start_worker(open_worker: OpenWorker[Input, Result]) -> None:
    global _worker
    Thread(target=_end_with_parent, daemon=True).start()
    stack = ExitStack()
    _worker = stack.enter_context(open_worker())
    util.Finalize(None, stack.close, exitpriority=10)


def _work_through(chunk: list[Input]) -> list[Result]:
    return [_worker(each) for each in chunk]


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
