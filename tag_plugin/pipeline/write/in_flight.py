"""Rows in flight: many at the same time in one event loop, their outcomes in input order."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from threading import Thread
from typing import Any, TypeVar

Input = TypeVar("Input")
Result = TypeVar("Result")


def in_order(
    open_work: Callable[[], AbstractContextManager[Callable[[Input], Future[Result]]]],
    inputs: Iterable[Input],
    in_flight: int,
) -> Iterator[Result]:
    """The result of every input, in order, at most `in_flight` begun and not yet given out.

    `open_work` gives a function that begins the work on an input and returns its future.
    """
    with open_work() as submit:
        flying: deque[Future[Result]] = deque()
        for each in inputs:
            flying.append(submit(each))
            while flying and (len(flying) >= in_flight or flying[0].done()):
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A running event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="writer", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def inside(
    loop: asyncio.AbstractEventLoop, opened: AbstractAsyncContextManager[Result]
) -> Iterator[Result]:
    """An asynchronous context manager of another thread's loop, as an ordinary one.

    It closes when every task of the loop has ended.
    """
    value = _within(loop, opened.__aenter__())
    try:
        yield value
    finally:
        _within(loop, _every_task())
        _within(loop, opened.__aexit__(None, None, None))


def _within(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run_coroutine_threadsafe(work, loop).result()


async def _every_task() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
