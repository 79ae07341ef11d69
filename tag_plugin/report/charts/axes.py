"""Scales and their ticks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps [low, high] linearly onto the pixels [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values that enclose [low, high], about `count` of them.

    >>> nice_ticks(0.07, 0.93)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if high <= low:
        low, high = low - 0.5, high + 0.5
    step = _step((high - low) / max(1, count))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def bounds(
    values: Sequence[float], within: tuple[float, float] | None = None
) -> tuple[float, float]:
    """The smallest and largest finite value, widened to `within` where they lie inside it."""
    finite = [value for value in values if isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if within is not None:
        low, high = min(low, within[0]), max(high, within[1])
    return low, high


def tick_text(value: float) -> str:
    """A tick's label: no needless digits, thousands with a thin space.

    >>> tick_text(0.25), tick_text(12000.0), tick_text(1e-6)
    ('0.25', '12 000', '1e-06')
    """
    if value and abs(value) < 1e-4:
        return f"{value:.0e}"
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _step(rough: float) -> float:
    power = 10.0 ** floor(log10(rough))
    return next(power * step for step in _STEPS if power * step >= rough * 0.999)
