"""The headline table: metrics with their intervals, one row a run."""

from collections.abc import Sequence
from dataclasses import dataclass

from tag_plugin.report.evaluation.runs import NamedRun, Task
from tag_plugin.scoring.estimates import Estimate
from tag_plugin.scoring.metrics import Metric, headlines


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one run as text; `best` when no other run of the task has a better value."""

    value: str
    interval: str
    best: bool


@dataclass(frozen=True, slots=True)
class HeadlineRow:
    """One run."""

    run: NamedRun
    cells: Sequence[Cell | None]


@dataclass(frozen=True, slots=True)
class Headline:
    """The table: its metric headings and its rows."""

    headings: Sequence[str]
    rows: Sequence[HeadlineRow]


def headline(task: Task) -> Headline:
    """The metrics that any run of the task has; the best is marked only where runs compare."""
    shown = [m for m in headlines() if any(m.name in r.run.summary.metrics for r in task.runs)]
    compares = len(task.runs) > 1 and not task.differences
    best = {metric.name: _best(task, metric) for metric in shown} if compares else {}
    rows = [
        HeadlineRow(
            named,
            [_cell(named.run.summary.metrics.get(m.name), best.get(m.name)) for m in shown],
        )
        for named in task.runs
    ]
    return Headline([metric.title for metric in shown], rows)


def _best(task: Task, metric: Metric) -> float | None:
    found = [named.run.summary.metrics.get(metric.name) for named in task.runs]
    values = [estimate.value for estimate in found if estimate is not None]
    return (min if metric.better == "lower" else max)(values, default=None)


def _cell(estimate: Estimate | None, best: float | None) -> Cell | None:
    if estimate is None:
        return None
    interval = f"{estimate.low:.3f} to {estimate.high:.3f}"
    return Cell(f"{estimate.value:.3f}", interval, estimate.value == best)
