"""Rows in flight: outcomes in order, a bound, and a clean end."""

import asyncio
from contextlib import asynccontextmanager, contextmanager

import pytest

from tag_plugin.pipeline.write.in_flight import event_loop, in_order, inside

DELAYS = [0.03, 0.0, 0.02, 0.0, 0.01, 0.0, 0.0, 0.02]


class Work:
    """Sleeps; remembers how many ran at once and what ended."""

    def __init__(self):
        self.running = self.most = 0
        self.ended = []

    async def __call__(self, delay):
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(delay)
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


@pytest.mark.parametrize("in_flight", [1, 3, 100])
def test_results_keep_the_order_and_the_bound(in_flight):
    work = Work()
    assert list(in_order(work.open, DELAYS, in_flight)) == DELAYS
    assert work.most <= in_flight
    assert work.ended[-1] == "closed"


def test_an_error_comes_at_its_place_and_the_others_end_first():
    work = Work()
    found = []
    with pytest.raises(ValueError, match="negative"):
        for each in in_order(work.open, [0.0, 0.01, -1, 0.05, 0.04], 5):
            found.append(each)
    assert found == [0.0, 0.01]
    assert set(work.ended) == {0.0, 0.01, -1, 0.05, 0.04, "closed"}


def test_inputs_are_taken_only_as_needed():
    taken = []

    def inputs():
        for number in range(1000):
            taken.append(number)
            yield 0.001

    for count, _ in enumerate(in_order(Work().open, inputs(), 4), start=1):
        assert len(taken) - count <= 4
        if count == 20:
            break
    assert len(taken) < 40
