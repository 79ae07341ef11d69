"""Step times of trainers that take turns in one process; import it when the hosts are armed."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import TrainerCallback
from trl import GRPOTrainer


class Turns:
    """Lets one of the sides run at a time, in turn; a side that is done is passed over."""

    def __init__(self, sides: Sequence[str]) -> None:
        self._changed = threading.Condition()
        self._running = list(sides)
        self._whose = sides[0]

    def take(self, side: str) -> None:
        """Waits until it is this side's turn."""
        with self._changed:
            self._changed.wait_for(lambda: self._whose == side)

    def give(self, side: str, *, done: bool = False) -> None:
        """Lets the other side run, if there is one."""
        with self._changed:
            others = [each for each in self._running if each != side]
            if done:
                self._running.remove(side)
            self._whose = others[0] if others else side
            self._changed.notify_all()


class StepClock(TrainerCallback):  # type: ignore[misc]  # the host ships no types
    """Seconds from one step's beginning to the next, less the wait for the turn."""

    def __init__(self, side: str, turns: Turns | None = None) -> None:
        self.seconds: list[float] = []
        self._side, self._turns = side, turns
        self._start: float | None = None

    def on_step_begin(self, *_: object, **__: object) -> None:
        """The step before is over; its turn as well."""
        self.on_train_end()
        if self._turns:
            self._turns.give(self._side)
            self._turns.take(self._side)
        self._start = time.perf_counter()

    def on_train_end(self, *_: object, **__: object) -> None:
        """The last step is over."""
        if self._start is not None:
            self.seconds.append(time.perf_counter() - self._start)
        self._start = None


@contextmanager
def timed_rewards() -> Iterator[dict[str, list[float]]]:
    """Seconds that each trainer spends in `_calculate_rewards`, by the trainer's class."""
    spent: dict[str, list[float]] = {"StageTrainer": [], "GRPOTrainer": []}
    original = GRPOTrainer._calculate_rewards

    def timed(self: Any, *args: Any) -> Any:  # noqa: ANN401  # TRL's
        start = time.perf_counter()
        found = original(self, *args)
        spent[type(self).__name__].append(time.perf_counter() - start)
        return found

    GRPOTrainer._calculate_rewards = timed
    try:
        yield spent
    finally:
        GRPOTrainer._calculate_rewards = original
