"""Work on many inputs in several processes or threads: a bounded number is in flight."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from multiprocessing import get_context, parent_process, util
from multiprocessing.connection import wait
from threading import Thread
from typing import Any, Final, TypeVar

from tag_plugin.pipeline.outcomes import StageError

Input = TypeVar("Input")
Result = TypeVar("Result")

OpenWorker = Callable[[], AbstractContextManager[Callable[[Input], Result]]]
"""Called once in each process (so it must be picklable); gives the function for one input."""

_EACH: Final = 2
"""Inputs handed out and not yet collected, for each process: bounds the memory."""


def ordered_map(
    open_worker: OpenWorker[Input, Result], inputs: Iterable[Input], workers: int
) -> Iterator[Result]:
    """The result of every input, in order; in this process when `workers` is 1.

    Raises:
        StageError: a process died (mostly: out of memory).
    """
    if workers == 1:
        with open_worker() as work:
            yield from map(work, inputs)
        return
    # spawn: a forked child would inherit the threads and locks of the libraries loaded here.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (open_worker,))
    try:
        yield from in_order(lambda each: pool.submit(_work_on, each), inputs, workers * _EACH)
    except BrokenProcessPool:
        raise StageError(
            "a worker process died (out of memory?); next: run the same command again, it goes on "
            "where it stopped, with fewer --workers"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def threaded_map(
    open_worker: OpenWorker[Input, Result], inputs: Iterable[Input], threads: int
) -> Iterator[Result]:
    """The result of every input, in order; one worker serves all threads of this process.

    The worker is closed before the threads are waited for, so that it can end what they wait for.
    """
    with ThreadPoolExecutor(threads) as pool, open_worker() as work:
        yield from in_order(lambda each: pool.submit(work, each), inputs, threads)


def in_order(
    submit: Callable[[Input], "Future[Result]"], inputs: Iterable[Input], most: int
) -> Iterator[Result]:
    """The results of what is submitted, in order; at most so many inputs are in flight."""
    flying: deque[Future[Result]] = deque()
    for each in inputs:
        flying.append(submit(each))
        if len(flying) >= most:
            yield flying.popleft().result()
    while flying:
        yield flying.popleft().result()


_worker: Any = None
"""The function of this worker process, set once by `_start_worker`."""


def _start_worker(open_worker: OpenWorker[Input, Result]) -> None:
    global _worker
    Thread(target=_end_with_parent, daemon=True).start()
    stack = ExitStack()
    _worker = stack.enter_context(open_worker())
    util.Finalize(None, stack.close, exitpriority=10)


def _work_on(each: Any) -> Any:  # noqa: ANN401  # what the worker takes and gives
    return _worker(each)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
