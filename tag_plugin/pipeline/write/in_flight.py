"""An event loop in a thread of its own, which ends when its tasks have."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from threading import Thread
from typing import Any, TypeVar

Input = TypeVar("Input")
Result = TypeVar("Result")


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
