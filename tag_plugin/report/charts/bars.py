"""Horizontal bars with intervals: one row a category, one bar a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tag_plugin.report.charts.lines import Scale


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
