"""The event loop of a writer: a clean end."""

import asyncio
from contextlib import asynccontextmanager, contextmanager

import pytest

from tag_plugin.pipeline.write.in_flight import event_loop, inside

DELAYS = [0.03, 0.0, 0.02, 0.0, 0.01, 0.0, 0.0, 0.02]


class Work:
    """Sleeps; remembers how many ran at once and what ended."""

    def __init__(self):
        self.running = self.most = 0
        self.ended = []

    async def __call__(self, delay):
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(abs(delay) / 10)
        self.running -= 1
        self.ended.append(delay)
        if delay < 0:
            raise ValueError("negative")
        return delay

    @contextmanager
    def open(self):
        with event_loop() as loop, inside(loop, self.session()):
            yield lambda each: asyncio.run_coroutine_threadsafe(self(each), loop)

    @asynccontextmanager
    async def session(self):
        yield
        self.ended.append("closed")


def test_what_was_begun_ends_before_the_session_closes():
    work = Work()
    with work.open() as submit:
        begun = [submit(delay) for delay in DELAYS]
    assert [each.result() for each in begun] == DELAYS
    assert work.ended[-1] == "closed"


def test_an_error_in_one_lets_the_others_end():
    work = Work()
    with work.open() as submit:
        begun = [submit(delay) for delay in (0.0, -1, 0.05)]
    with pytest.raises(ValueError, match="negative"):
        begun[1].result()
    assert set(work.ended) == {0.0, -1, 0.05, "closed"}
