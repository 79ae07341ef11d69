"""Curves over steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from markupsafe import Markup

from tag_plugin.report.charts.axes import Scale, bounds, nice_ticks, tick_text
from tag_plugin.report.charts.svg import element, points

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
class Curve:
    """One curve: values by x, None where there is none."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class LineChart:
    """A chart of curves. `within`: the y axis shows at least this range."""

    title: str
    curves: Sequence[Curve]
    within: tuple[float, float] | None = None
    x_name: str = "step"
    note: str = ""

    @property
    def series(self) -> list[str]:
        """The names of the curves."""
        return [curve.name for curve in self.curves]

    @property
    def first_column(self) -> str:
        """What the rows of the table are."""
        return self.x_name

    @property
    def steps(self) -> list[float]:
        """All x values, ascending."""
        return sorted({x for curve in self.curves for x in curve.x})

    def rows(self, at_most: int = 60) -> list[tuple[str, list[str]]]:
        """The numbers as a table: (x, one value a curve), evenly thinned."""
        steps = self.steps
        stride = -(-len(steps) // at_most) or 1
        chosen = steps[::-stride][::-1]  # the last one always stays
        values_by_x = [dict(zip(curve.x, curve.y, strict=True)) for curve in self.curves]
        return [(tick_text(x), [_cell(values.get(x)) for values in values_by_x]) for x in chosen]

    def data(self) -> dict[str, object]:
        """What the page's script needs to read values off under the pointer."""
        curves = [thinned(curve) for curve in self.curves]
        plot = self._plot()
        return {
            "left": LEFT,
            "right": WIDTH - RIGHT,
            "low": plot.across.low,
            "high": plot.across.high,
            "xName": self.x_name,
            "curves": [{"name": c.name, "x": list(c.x), "y": list(c.y)} for c in curves],
        }

    def svg(self) -> Markup:
        """The picture; colours come from the page's style (`c0`, `c1`, ...)."""
        plot = self._plot()
        drawn = [_curve(thinned(curve), n, plot) for n, curve in enumerate(self.curves)]
        label = f"{self.title}: line chart of {', '.join(curve.name for curve in self.curves)}"
        return element(
            "svg",
            plot.grid(self.x_name),
            *drawn,
            element("line", class_="cursor", y1=_TOP, y2=HEIGHT - _BOTTOM, x1=-9, x2=-9),
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            role="img",
            aria_label=label,
            class_="chart",
        )

    def _plot(self) -> "_Plot":
        values = [y for curve in self.curves for y in curve.y if y is not None]
        ticks = nice_ticks(*bounds(values, self.within))
        first, last = bounds(self.steps or [0.0, 1.0])
        last = last if last > first else first + 1
        up = Scale(ticks[0], ticks[-1], HEIGHT - _BOTTOM, _TOP)
        return _Plot(Scale(first, last, LEFT, WIDTH - RIGHT), up, ticks)


@dataclass(frozen=True, slots=True)
class _Plot:
    across: Scale
    up: Scale
    ticks: Sequence[float]

    def grid(self, x_name: str) -> Markup:
        """Lines, tick labels and the name of the x axis."""
        parts = []
        for tick in self.ticks:
            y = self.up(tick)
            parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
            parts.append(_label(tick_text(tick), LEFT - 8, y + 4, "end"))
        for tick in self._steps():
            x = self.across(tick)
            parts.append(_label(tick_text(tick), x, HEIGHT - _BOTTOM + 16, "middle"))
        parts.append(_label(x_name, WIDTH - RIGHT, HEIGHT - 3, "end"))
        return element("g", *parts, aria_hidden="true")

    def _steps(self) -> list[float]:
        inside = nice_ticks(self.across.low, self.across.high, 6)
        whole = [tick for tick in inside if tick == int(tick)]
        return [tick for tick in whole if self.across.low <= tick <= self.across.high]


def thinned(curve: Curve) -> Curve:
    """The curve without gaps, at most 400 points: each the mean of equally many neighbours."""
    kept = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if y is not None and isfinite(y)]
    size = -(-len(kept) // _MOST_POINTS) or 1
    groups = [kept[start : start + size] for start in range(0, len(kept), size)]
    return Curve(
        curve.name,
        [group[-1][0] for group in groups],
        [sum(y for _, y in group) / len(group) for group in groups],
    )


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average, corrected for its start."""
    average, total, result = 0.0, 0.0, []
    for value in values:
        average = weight * average + (1 - weight) * value
        total = weight * total + (1 - weight)
        result.append(average / total)
    return result


def _curve(curve: Curve, number: int, plot: _Plot) -> Markup:
    y = [value for value in curve.y if value is not None]
    if not y:
        return Markup("")
    smooth = len(y) >= _SMOOTH_FROM
    raw = _line(curve.x, y, plot, f"raw c{number % 8}" if smooth else f"line c{number % 8}")
    if len(y) == 1:
        return element(
            "circle", cx=plot.across(curve.x[0]), cy=plot.up(y[0]), r=4, class_=f"dot c{number % 8}"
        )
    if not smooth:
        return raw
    return raw + _line(curve.x, smoothed(y, 0.9), plot, f"line c{number % 8}")


def _line(x: Sequence[float], y: Sequence[float], plot: _Plot, kind: str) -> Markup:
    places = [(plot.across(a), plot.up(b)) for a, b in zip(x, y, strict=True)]
    return element("polyline", points=points(places), class_=kind)


def _label(text: str, x: float, y: float, anchor: str) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_="tick")


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
