"""Charts as inline SVG: they need no script and follow the page's colours.

Curves over steps, and horizontal bars with intervals. What is where is computed here;
`html/templates/charts.html.j2` writes the elements.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, Final, NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy.signal import lfilter

WIDTH: Final = 600
HEIGHT: Final = 240
LEFT: Final = 52
RIGHT: Final = 14
_TOP: Final = 12
_BOTTOM: Final = 34
_MOST_POINTS: Final = 400
_SMOOTH_FROM: Final = 30
"""Points from which on a smoothed curve is drawn over the measured one."""


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
        return round(self.start + share * (self.end - self.start), 2)


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve: values by x, NaN where there is none."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


class Plot(NamedTuple):
    """Where a chart's values are in pixels, and the marks on its axes: (pixel, text)."""

    across: Scale
    up: Scale
    levels: Sequence[tuple[float, str]]
    steps: Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class LineChart:
    """A chart of curves. `within`: the y axis shows at least this range."""

    title: str
    curves: Sequence[Curve]
    within: tuple[float, float] | None = None
    first_column: str = "step"
    note: str = ""

    kind: ClassVar = "lines"
    width: ClassVar = WIDTH
    height: ClassVar = HEIGHT

    @property
    def series(self) -> list[str]:
        """The names of the curves."""
        return [curve.name for curve in self.curves]

    @property
    def steps(self) -> list[float]:
        """All x values, ascending."""
        return sorted({x for curve in self.curves for x in curve.x})

    def rows(self, at_most: int = 60) -> list[tuple[str, list[str | None]]]:
        """The numbers as a table: (x, one value a curve), evenly thinned."""
        stride = -(-len(self.steps) // at_most) or 1
        chosen = self.steps[::-stride][::-1]  # the last one always stays
        shown = [{x: f"{y:.4g}" for x, y in zip(c.x, c.y, strict=True)} for c in self.curves]
        return [(tick_text(x), [values.get(x) for values in shown]) for x in chosen]

    def data(self) -> dict[str, object]:
        """What the page's script needs to read values off under the pointer."""
        across = self.plot().across
        return {
            "left": across.start,
            "right": across.end,
            "low": across.low,
            "high": across.high,
            "xName": self.first_column,
            "curves": [
                {"name": curve.name, "x": list(curve.x), "y": list(curve.y)}
                for curve in map(thinned, self.curves)
            ],
        }

    def plot(self) -> Plot:
        """The axes: y from round value to round value, x from the first step to the last."""
        values = [y for curve in self.curves for y in curve.y if isfinite(y)]
        values = [*(values or (0.0, 1.0)), *(self.within or ())]
        levels = nice_ticks(min(values), max(values))
        marked = self.steps or [0.0, 1.0]
        first, last = marked[0], marked[-1] if len(marked) > 1 else marked[0] + 1
        steps = [x for x in nice_ticks(first, last, 6) if first <= x <= last and x == int(x)]
        across = Scale(first, last, LEFT, WIDTH - RIGHT)
        up = Scale(levels[0], levels[-1], HEIGHT - _BOTTOM, _TOP)
        return Plot(
            across,
            up,
            levels=[(up(level), tick_text(level)) for level in levels],
            steps=[(across(step), tick_text(step)) for step in steps],
        )

    def lines(self) -> Iterator[tuple[str, list[tuple[float, float]]]]:
        """(CSS class, points in pixels): each curve, and the smoothed one over a long one."""
        plot = self.plot()
        for number, curve in enumerate(map(thinned, self.curves)):
            drawn = {"line": curve.y}
            if len(curve.y) >= _SMOOTH_FROM:
                drawn = {"raw": curve.y, "line": smoothed(curve.y, 0.9)}
            for name, values in drawn.items():
                places = zip(map(plot.across, curve.x), map(plot.up, values), strict=True)
                yield f"{name} c{number % 8}", list(places)


def thinned(curve: Curve) -> Curve:
    """The curve without gaps, at most 400 points: each the mean of equally many neighbours."""
    kept = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if isfinite(y)]
    size = -(-len(kept) // _MOST_POINTS) or 1
    groups = [kept[start : start + size] for start in range(0, len(kept), size)]
    return Curve(
        curve.name,
        x=[group[-1][0] for group in groups],
        y=[sum(y for _, y in group) / len(group) for group in groups],
    )


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average, corrected for its start."""
    average = lfilter([1 - weight], [1, -weight], values)
    return [*map(float, average / (1 - weight ** np.arange(1, len(values) + 1)))]


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values that enclose [low, high], about `count` of them.

    >>> nice_ticks(0.07, 0.93)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if high <= low:
        low, high = low - 0.5, high + 0.5
    ticks = MaxNLocator(count, steps=(1, 2, 2.5, 5, 10)).tick_values(low, high)
    return [round(float(tick), 10) for tick in ticks]


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


@dataclass(frozen=True, slots=True)
class Bar:
    """A value in [0, 1] with its interval, if it has one, and what it was counted over."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None

    def __str__(self) -> str:
        interval = "" if self.low is None else f" [{self.low:.3f}, {self.high:.3f}]"
        count = "" if self.n is None else f", n = {self.n}"
        return f"{self.value:.3f}{interval}{count}"


@dataclass(frozen=True, slots=True)
class BarChart:
    """Categories by runs; None where a run has no value for a category."""

    title: str
    categories: Sequence[str]
    runs: Sequence[tuple[str, Sequence[Bar | None]]]
    note: str = ""
    first_column: str = "class"

    kind: ClassVar = "bars"
    across: ClassVar = Scale(0, 1, 150, 548)

    @property
    def series(self) -> list[str]:
        """The names of the runs."""
        return [name for name, _ in self.runs]

    def rows(self) -> list[tuple[str, Sequence[Bar | None]]]:
        """The numbers as a table: (category, one value a run)."""
        values = zip(*(bars for _, bars in self.runs), strict=True)
        return list(zip(self.categories, values, strict=True))
