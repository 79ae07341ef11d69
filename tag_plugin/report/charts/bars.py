"""Horizontal bars with intervals: one row a category, one bar a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tag_plugin.report.charts.axes import Scale, nice_ticks, tick_text
from tag_plugin.report.charts.svg import element

WIDTH: Final = 600
_LEFT: Final = 150
_RIGHT: Final = 52
_TOP: Final = 6
_BOTTOM: Final = 26
_BAR: Final = 13
_GAP: Final = 11


@dataclass(frozen=True, slots=True)
class Bar:
    """A value in [0, 1] with its interval, if it has one, and what it was counted over."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class BarChart:
    """Categories by runs; None where a run has no value for a category."""

    title: str
    categories: Sequence[str]
    runs: Sequence[tuple[str, Sequence[Bar | None]]]
    note: str = ""
    first_column: str = "class"

    @property
    def series(self) -> list[str]:
        """The names of the runs."""
        return [name for name, _ in self.runs]

    def rows(self) -> list[tuple[str, list[str]]]:
        """The numbers as a table: (category, one value a run)."""
        return [
            (category, [_cell(bars[index]) for _, bars in self.runs])
            for index, category in enumerate(self.categories)
        ]

    def svg(self) -> Markup:
        """The picture; colours come from the page's style."""
        row = len(self.runs) * _BAR + _GAP
        height = _TOP + len(self.categories) * row + _BOTTOM
        scale = Scale(0, 1, _LEFT, WIDTH - _RIGHT)
        parts = _grid(scale, height)
        for number, category in enumerate(self.categories):
            top = _TOP + number * row + _GAP / 2
            middle = top + len(self.runs) * _BAR / 2
            name = element("text", category, x=_LEFT - 8, y=middle + 4, text_anchor="end")
            parts.append(element("g", name, class_="name"))
            for run, (_, bars) in enumerate(self.runs):
                if (bar := bars[number]) is not None:
                    parts.append(_bar(bar, scale, top + run * _BAR, run))
        label = f"{self.title}: bar chart by {self.first_column}"
        return element(
            "svg",
            *parts,
            viewBox=f"0 0 {WIDTH} {height}",
            role="img",
            aria_label=label,
            class_="chart",
        )


def _grid(scale: Scale, height: float) -> list[Markup]:
    parts = []
    for tick in nice_ticks(0, 1):
        x = scale(tick)
        parts.append(element("line", class_="grid", x1=x, x2=x, y1=_TOP, y2=height - _BOTTOM))
        text = element("text", tick_text(tick), class_="tick", x=x, y=height - 8)
        parts.append(element("g", text, text_anchor="middle"))
    return parts


def _bar(bar: Bar, scale: Scale, top: float, run: int) -> Markup:
    thick = _BAR - 2
    end, middle = scale(max(bar.value, 0.0)), top + thick / 2
    parts = [
        element(
            "rect", class_=f"bar c{run % 8}", x=_LEFT, y=top, width=end - _LEFT, height=thick, rx=2
        )
    ]
    if bar.low is not None and bar.high is not None:
        low, high = scale(max(bar.low, 0.0)), scale(max(bar.high, 0.0))
        parts.append(element("line", class_="whisker", x1=low, x2=high, y1=middle, y2=middle))
    value = f"{bar.value:.2f}"
    parts.append(element("text", value, class_="tick", x=WIDTH - _RIGHT + 8, y=middle + 4))
    return element("g", *parts)


def _cell(bar: Bar | None) -> str:
    if bar is None:
        return "–"
    interval = "" if bar.low is None or bar.high is None else f" [{bar.low:.3f}, {bar.high:.3f}]"
    count = "" if bar.n is None else f", n = {bar.n}"
    return f"{bar.value:.3f}{interval}{count}"
