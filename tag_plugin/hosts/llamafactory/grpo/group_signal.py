"""Does a batch teach anything? GRPO learns from differences inside a group alone.

When the rewards have stopped teaching, the alarm warns, and stops the run if asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from transformers import TrainerCallback

from tag_plugin.hosts.llamafactory.log import logger
from tag_plugin.report.grpo.verdict import SIGNAL_REASONS
from tag_plugin.scoring.rewards import weighted_sum
from tag_plugin.scoring.statistics import Floats

NO_SPREAD: Final = "signal/no_spread"


@dataclass(frozen=True)
class GroupSignal:
    """Measures the rewards [prompts * group, functions] of one generation batch.

    `weights`, `names` belong to the functions; NaN means "does not apply". `epsilon`: a group
    whose largest and smallest reward differ by no more than this has no spread.
    """

    names: Sequence[str]
    weights: Sequence[float]
    group: int
    epsilon: float

    def measure(self, rewards: Floats, parsable: Floats | None) -> dict[str, float]:
        """Shares of groups without spread, in total and by reward, and why.

        `signal/all_right`: every part that applies is at its best; `signal/all_wrong`: every
        total is 0 or less; `signal/all_unparsable` (before the other two): no completion of the
        group has an answer; `signal/all_equal`: anything else.
        """
        parts = rewards.reshape(-1, self.group, len(self.names))
        flat = _spread(weighted_sum(parts, self.weights)) <= self.epsilon
        shares = {NO_SPREAD: float(flat.mean())}
        for index, name in enumerate(self.names):
            applies = ~np.isnan(parts[:, :, index]).any(axis=1)
            shares[f"rewards/{name}/applicable"] = float((~np.isnan(rewards[:, index])).mean())
            if applies.any():
                spread = _spread(parts[applies, :, index])
                shares[f"{NO_SPREAD}/{name}"] = float((spread <= self.epsilon).mean())
        return shares | self._reasons(parts, flat, parsable)

    def _reasons(
        self, parts: Floats, flat: NDArray[np.bool_], parsable: Floats | None
    ) -> dict[str, float]:
        total = weighted_sum(parts, self.weights)
        best = np.where(np.isnan(parts), 0.0, np.maximum(self.weights, 0.0)).sum(axis=2)
        readable = np.ones_like(total) if parsable is None else parsable.reshape(-1, self.group)
        reasons = {
            "all_unparsable": (readable == 0).all(axis=1),
            "all_right": (total >= best - self.epsilon).all(axis=1) & (best > 0).any(axis=1),
            "all_wrong": (total <= self.epsilon).all(axis=1),
        }
        left, shares = flat.copy(), {}
        for name, holds in reasons.items():
            shares[f"signal/{name}"] = float((left & holds).mean())
            left &= ~holds
        return shares | {"signal/all_equal": float(left.mean())}


def _spread(values: Floats) -> Floats:
    """Largest minus smallest of each row [groups, group]."""
    spread: Floats = np.ptp(values, axis=1)
    return spread


@dataclass
class SignalAlarm(TrainerCallback):  # type: ignore[misc]  # the host ships no types
    """Counts silent log steps: `share` or more of the groups had no spread.

    A callback of the trainer, which hears its training logs.
    """

    share: float
    warning: int
    patience: int | None
    silent_steps: int = 0

    def hear(self, logs: Mapping[str, float]) -> str | None:
        """Takes one training log; returns why it is silent, or None."""
        if NO_SPREAD not in logs:
            return None
        is_silent = logs[NO_SPREAD] >= self.share
        self.silent_steps = self.silent_steps + 1 if is_silent else 0
        reason = max(SIGNAL_REASONS, key=lambda name: logs.get(name, 0.0))
        return "; next: ".join(SIGNAL_REASONS[reason]) if is_silent else None

    @property
    def warns(self) -> bool:
        """Once a streak, and again each time that the streak has doubled."""
        times, rest = divmod(self.silent_steps, self.warning)
        return rest == 0 and times > 0 and times & (times - 1) == 0

    @property
    def stops(self) -> bool:
        """Whether the patience is at an end."""
        return self.patience is not None and self.silent_steps >= self.patience

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Mapping[str, float] | None = None,
        **_: object,
    ) -> None:
        """Speaks at most once a log step."""
        logs = logs or {}
        reason = self.hear(logs)
        if reason is None:
            return
        message = (
            f"step {state.global_step}: {logs[NO_SPREAD]:.0%} of the groups have no spread of "
            f"rewards, {self.silent_steps} log steps in a row: {reason}"
        )
        if self.stops:
            logger.warning_rank0(f"signal_patience is at an end, training stops; {message}")
            control.should_training_stop = True
        elif self.warns:
            logger.warning_rank0(message)
