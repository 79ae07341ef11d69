"""What one training takes on a GPU: times of steps and of generations, parameters, tokens."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from transformers import TrainerCallback, TrainerState
from trl import GRPOTrainer


class Meter(TrainerCallback):  # type: ignore[misc]  # the host ships no types
    """Step times, trained parameters, tokens and losses of one run."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.logs: list[dict[str, float]] = []
        self.trained = self.parameters = self.tokens = 0

    def on_train_begin(self, *_: object, model: torch.nn.Module, **__: object) -> None:
        """Counts the parameters; a sharded one says its whole size as ds_numel."""
        sizes = [(getattr(p, "ds_numel", p.numel()), p.requires_grad) for p in model.parameters()]
        self.parameters = sum(size for size, _ in sizes)
        self.trained = sum(size for size, trains in sizes if trains)

    def on_step_begin(self, *_: object, **__: object) -> None:
        """A step begins."""
        _wait()
        self._start = time.perf_counter()

    def on_step_end(self, _: object, state: TrainerState, *__: object, **___: object) -> None:
        """And ends."""
        _wait()
        self.seconds.append(time.perf_counter() - self._start)
        self.tokens = state.num_input_tokens_seen

    def on_log(self, *_: object, logs: Mapping[str, float], **__: object) -> None:
        """The host's numbers."""
        self.logs.append(dict(logs))
        if "loss" in logs:
            self.losses.append(logs["loss"])


@contextmanager
def generation_seconds() -> Iterator[list[float]]:
    """Seconds of each generation of stage grpo."""
    spent: list[float] = []
    original = GRPOTrainer._generate_single_turn

    def timed(*args: Any) -> Any:  # noqa: ANN401  # TRL's
        _wait()
        start = time.perf_counter()
        generated = original(*args)
        _wait()
        spent.append(time.perf_counter() - start)
        return generated

    GRPOTrainer._generate_single_turn = timed
    try:
        yield spent
    finally:
        GRPOTrainer._generate_single_turn = original


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
