"""Warns, and stops if asked, when the rewards have stopped teaching."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llamafactory.extras.logging import get_logger
from transformers import TrainerCallback

from tag_plugin.hosts.llamafactory.grpo.group_signal import NO_SPREAD
from tag_plugin.report.grpo.verdict import SIGNAL_REASONS

logger = get_logger("llamafactory.tag_plugin")  # a child of the host's logger


@dataclass
class SignalAlarm:
    """Counts silent log steps: `share` or more of the groups had no spread."""

    share: float
    warning: int
    patience: int | None
    silent_steps: int = 0

    def hear(self, logs: Mapping[str, float]) -> str | None:
        """Takes one training log; returns why it is silent, or None."""
        if NO_SPREAD not in logs:
            return None
        if logs[NO_SPREAD] < self.share:
            self.silent_steps = 0
            return None
        self.silent_steps += 1
        reason = max(SIGNAL_REASONS, key=lambda name: logs.get(name, 0.0))
        return "; next: ".join(SIGNAL_REASONS[reason])

    @property
    def warns(self) -> bool:
        """Once a streak, and again each time that the streak has doubled."""
        times, rest = divmod(self.silent_steps, self.warning)
        return rest == 0 and times > 0 and times & (times - 1) == 0

    @property
    def stops(self) -> bool:
        """Whether the patience is at an end."""
        return self.patience is not None and self.silent_steps >= self.patience


class SignalCallback(TrainerCallback):  # type: ignore[misc]  # the host ships no types
    """Feeds the alarm with the training logs."""

    def __init__(self, alarm: SignalAlarm) -> None:
        self.alarm = alarm

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Mapping[str, float] | None = None,
        **_: object,
    ) -> None:
        """Speaks at most once a log step."""
        reason = self.alarm.hear(logs or {})
        if reason is None:
            return
        said = (
            f"step {state.global_step}: {logs[NO_SPREAD]:.0%} of the groups have no spread of "  # type: ignore[index]  # heard, so it is there
            f"rewards, {self.alarm.silent_steps} log steps in a row: {reason}"
        )
        if self.alarm.stops:
            logger.warning_rank0(f"signal_patience is at an end, training stops; {said}")
            control.should_training_stop = True
        elif self.alarm.warns:
            logger.warning_rank0(said)
