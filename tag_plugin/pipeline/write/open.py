"""Opening a writer for a stage: journal, event loop, client, endpoint; and closing it cleanly."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tag_plugin.data.console import console
from tag_plugin.data.rows import Row
from tag_plugin.pipeline.outcomes import Outcome
from tag_plugin.pipeline.write.attempts import Attempts
from tag_plugin.pipeline.write.author import Author
from tag_plugin.pipeline.write.endpoint import Endpoint
from tag_plugin.pipeline.write.in_flight import event_loop, inside
from tag_plugin.pipeline.write.request import Client, StoppedError
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.scoring.score import JudgeConfig

_REPORT_EVERY: Final = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What a writer works on: the dataset, its journal, and how it is asked and judged."""

    directory: Path
    journal: Path
    settings: WriterSettings
    seed: int
    judge: JudgeConfig


@contextmanager
def open_writer(writing: Writing) -> Iterator[Callable[[list[Row]], list[Outcome]]]:
    """Writes all rows of a part at once. On leaving, requests in flight end and are journalled.

    Raises:
        StageError: the journal is in use, nobody is at the address, or the model does not load.
    """
    with (
        Attempts(writing.journal) as attempts,
        event_loop() as loop,
        inside(loop, _open_endpoint(writing.settings, attempts)) as endpoint,
    ):
        author = Author(
            writing.directory, writing.settings, writing.seed, writing.judge, endpoint, attempts
        )
        _report(loop, author, endpoint)
        try:
            yield partial(_write_all, loop, author)
        finally:
            stopped = StoppedError("broken off; next: the same command goes on from here")
            loop.call_soon_threadsafe(endpoint.stop, stopped)


def _write_all(loop: asyncio.AbstractEventLoop, author: Author, rows: list[Row]) -> list[Outcome]:
    begun = [asyncio.run_coroutine_threadsafe(author.write(row), loop) for row in rows]
    return [each.result() for each in begun]


def _report(loop: asyncio.AbstractEventLoop, author: Author, endpoint: Endpoint) -> None:
    """A line a minute, above the progress bar."""

    def say() -> None:
        spent, found = endpoint.spent, author.findings
        said = ", ".join(f"{count} {finding}" for finding, count in found.most_common())
        line = f"attempts: {said or 'none'}; in all {spent.requests} replies, "
        console(stderr=True).print(f"{line}{spent.tokens} tokens, cost {spent.cost:.4f}")
        loop.call_later(_REPORT_EVERY, say)

    loop.call_soon_threadsafe(loop.call_later, _REPORT_EVERY, say)


@asynccontextmanager
async def _open_endpoint(settings: WriterSettings, attempts: Attempts) -> AsyncIterator[Endpoint]:
    spent = attempts.spent()
    async with _open_client(settings) as client:
        yield Endpoint(client, settings, spent)


@asynccontextmanager
async def _open_client(settings: WriterSettings) -> AsyncIterator[Client]:
    if settings.writer == "local":
        from tag_plugin.pipeline.write.local import LocalClient

        with LocalClient(settings) as local:
            yield local
        return
    from tag_plugin.pipeline.write.openai_client import OpenAIClient

    async with OpenAIClient(settings, _key(settings.api_key_env)) as client:
        yield client


def _key(variable: str) -> str | None:
    """The key without spaces around it, as a file or a shell adds them; never told to anyone."""
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise StoppedError(
            f"the environment variable {variable} holds characters that no key has; next: set it "
            "to the key alone"
        )
    return key or None
