"""Ordered results, bounded work in flight, and processes that die."""

import os
import time
from contextlib import contextmanager
from functools import partial
from threading import Event

import pytest

from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.parallel import ordered_map, threaded_map


@contextmanager
def squares():
    yield square


def square(number):
    time.sleep(0.002 * (number % 3))  # later inputs finish first
    return number * number


@contextmanager
def killed_at(number):
    yield partial(die_at, number)


def die_at(fatal, number):
    if number == fatal:
        os._exit(9)
    return number


@contextmanager
def failing():
    yield fail


def fail(number):
    raise LookupError(f"input {number}")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 7, 100])
def test_results_come_in_input_order(workers, count):
    assert list(ordered_map(squares, range(count), workers)) == [n * n for n in range(count)]


def test_threads_share_one_worker_and_keep_the_order():
    opened = []

    @contextmanager
    def open_once():
        opened.append(True)
        yield square

    assert list(threaded_map(open_once, range(20), 3)) == [n * n for n in range(20)]
    assert opened == [True]


def test_an_error_in_a_thread_closes_the_worker_before_the_others_are_waited_for():
    closed = Event()

    @contextmanager
    def waiting():
        try:
            yield lambda number: fail(number) if number == 0 else closed.wait(60)
        finally:
            closed.set()

    begin = time.monotonic()
    with pytest.raises(LookupError, match="input 0"):
        list(threaded_map(waiting, range(3), 3))
    assert time.monotonic() - begin < 30


def test_a_long_input_is_not_read_ahead():
    taken = []
    results = ordered_map(squares, (taken.append(n) or n for n in range(10_000)), 2)
    assert next(results) == 0
    assert len(taken) <= 100


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_the_work_reaches_the_caller(workers):
    with pytest.raises(LookupError, match="input 0"):
        list(ordered_map(failing, range(3), workers))


def test_a_killed_process_is_one_clear_error():
    with pytest.raises(StageError, match=r"a worker process died .*same command again"):
        list(ordered_map(partial(killed_at, 5), range(50), 2))
