"""Bars by class and by Action Unit, and how the right answers go with grounding."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix, hstack

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.report.charts import Bar, BarChart
from tag_plugin.report.evaluation.runs import NamedRun, Task
from tag_plugin.scoring.estimates import share_estimate
from tag_plugin.scoring.metrics import FEW, Metric
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.statistics import Interval, percentile_interval, resampled_sums

_EDGES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

Reading = Callable[[JudgedSample], Iterable[tuple[str, float]]]
"""A sample -> (category, value) of everything that it has to say."""


def by_class(task: Task, metric: Metric) -> BarChart:
    """One value a class, with its interval."""
    runs = [
        (named.name, [_stated(named, name) for name in metric.names(task.labels)])
        for named in task.runs
    ]
    few = {f"{label} ({n})": None for each in task.runs for label, n in _few(each)}
    note = f" Fewer than {FEW} faces, so unsure: {', '.join(few)}." if few else ""
    title = f"{metric.title} by class"
    return BarChart(title, task.labels, runs, f"Lines: 95 % intervals.{note}")


def _few(named: NamedRun) -> Iterable[tuple[str, int]]:
    summary = named.run.summary
    counts = (
        (label, sum(row)) for label, row in zip(summary.labels, summary.confusion, strict=True)
    )
    return [(label, count) for label, count in counts if 0 < count < FEW]


def grounding_by_class(task: Task) -> BarChart | None:
    """Mean G of the faces of each class."""
    note = "Mean G with 95 % bootstrap intervals."
    return _chart(task, "Grounding G by class", task.labels, _grounding_of, note)


def units_charts(task: Task) -> list[BarChart]:
    """By Action Unit: how often a claim is right, an AU is found, and how well it is placed."""
    names = [unit.code for unit in ACTION_UNITS.values()]
    charts = (
        _chart(task, title, names, read, note, "Action Unit", shares=shares)
        for title, (read, note, shares) in _BY_UNIT.items()
    )
    return [chart for chart in charts if chart is not None]


def accuracy_by_grounding(task: Task) -> BarChart | None:
    """Share of right answers among samples of similar G: do looking and answering go together?"""
    bins = [f"G {low:.1f} to {high:.1f}" for low, high in pairwise(_EDGES)]

    def read(sample: JudgedSample) -> Iterable[tuple[str, float]]:
        grounding = sample.verdict.grounding
        if grounding is not None:
            number = min(int(np.searchsorted(_EDGES, grounding, side="right")) - 1, len(bins) - 1)
            yield bins[number], float(sample.right)

    note = "If grounding carried the answer, accuracy would rise from bin to bin."
    return _chart(task, "Accuracy by grounding", bins, read, note, "grounding", shares=True)


def _chart(
    task: Task,
    title: str,
    categories: Sequence[str],
    read: Reading,
    note: str = "",
    first_column: str = "class",
    *,
    shares: bool = False,
) -> BarChart | None:
    found = [(named.name, mean_bars(named, categories, read, shares)) for named in task.runs]
    shown = [n for n in range(len(categories)) if any(bars[n] for _, bars in found)]
    if not shown:
        return None
    runs = [(name, [bars[n] for n in shown]) for name, bars in found]
    return BarChart(title, [categories[n] for n in shown], runs, note, first_column)


def mean_bars(
    named: NamedRun, categories: Sequence[str], read: Reading, shares: bool = False
) -> list[Bar | None]:
    """The mean of each category's values with its interval: of shares Wilson's, else bootstrap."""
    number = {category: index for index, category in enumerate(categories)}
    samples = [sample for sample in named.samples.values() if sample.failed is None]
    entries = [(row, number[c], v) for row, s in enumerate(samples) for c, v in read(s)]
    if not entries:
        return [None] * len(categories)
    rows, columns, values = map(np.asarray, zip(*entries, strict=True))
    shape = (len(samples), len(categories))
    sums, counts = (csr_matrix((v, (rows, columns)), shape) for v in (values, np.ones(len(rows))))
    cells = hstack([sums, counts], format="csr")
    drawn, drawn_counts = np.split(resampled_sums(cells).T, 2)
    with np.errstate(invalid="ignore"):
        intervals = map(percentile_interval, drawn / drawn_counts)
    totals, numbers = (np.asarray(part.sum(axis=0)).ravel().tolist() for part in (sums, counts))
    if shares:
        return list(map(_share_bar, totals, numbers))
    return list(map(_bar, totals, numbers, intervals))


def _share_bar(total: float, count: float) -> Bar | None:
    found = share_estimate(total / count, count) if count else None
    return Bar(found.value, found.low, found.high, int(count)) if found else None


def _bar(total: float, count: float, interval: Interval | None) -> Bar | None:
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Bar(total / count, low, high, int(count)) if count else None


def _stated(named: NamedRun, metric: str) -> Bar | None:
    estimate = named.run.summary.metrics.get(metric)
    return None if estimate is None else Bar(estimate.value, estimate.low, estimate.high)


def _grounding_of(sample: JudgedSample) -> Iterable[tuple[str, float]]:
    grounding = sample.verdict.grounding
    return () if grounding is None else [(sample.gold, grounding)]


def _share(sample: JudgedSample, wrong: str) -> Iterable[tuple[str, float]]:
    """1 for each AU that was rightly claimed, 0 for each `false` or `missed` one."""
    units = sample.verdict.units
    marks = () if units is None else ((units.true, 1.0), (getattr(units, wrong), 0.0))
    return [(f"AU{au}", mark) for aus, mark in marks for au in aus]


def _overlap(sample: JudgedSample) -> Iterable[tuple[str, float]]:
    return [(f"AU{sample.claims[claim].au}", iou) for claim, iou in sample.verdict.overlaps.items()]


_BY_UNIT: Final[Mapping[str, tuple[Reading, str, bool]]] = {
    "Precision by Action Unit": (
        partial(_share, wrong="false"),
        "Share of the claims that the detector confirms.",
        True,
    ),
    "Recall by Action Unit": (
        partial(_share, wrong="missed"),
        "Share of the detector's AUs that were claimed.",
        True,
    ),
    "IoU of matched boxes by Action Unit": (_overlap, "Mean IoU of paired claims.", False),
}
