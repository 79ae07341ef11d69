"""The headline table: metrics with their intervals, one row a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tag_plugin.report.evaluation.runs import NamedRun, Task
from tag_plugin.scoring.estimates import Estimate

METRICS: Final = (
    ("accuracy", "Accuracy", True),
    ("uar", "UAR", True),
    ("macro_f1", "Macro-F1", True),
    ("unparsable_rate", "Unparsable", False),
    ("well_formed_rate", "Well formed", True),
    ("grounding", "Grounding G", True),
    ("skill", "Skill over template", True),
    ("matched_iou", "IoU of matched AUs", True),
    ("au_f1", "AU F1", True),
    ("hallucinated_au_rate", "Hallucinated AUs", False),
    ("consistency", "AU-answer consistency", True),
)
"""(metric, heading, whether higher is better), in the table's order."""


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
    shown = [m for m in METRICS if any(m[0] in r.run.summary.metrics for r in task.runs)]
    compares = len(task.runs) > 1 and not task.differences
    best = {m: _best(task, m, higher) for m, _, higher in shown} if compares else {}
    rows = [
        HeadlineRow(
            named,
            [
                _cell(named.run.summary.metrics.get(metric), best.get(metric))
                for metric, _, _ in shown
            ],
        )
        for named in task.runs
    ]
    return Headline([heading for _, heading, _ in shown], rows)


def _best(task: Task, metric: str, higher: bool) -> float | None:
    metrics = [named.run.summary.metrics for named in task.runs]
    values = [found[metric].value for found in metrics if metric in found]
    return (max if higher else min)(values, default=None)


def _cell(estimate: Estimate | None, best: float | None) -> Cell | None:
    if estimate is None:
        return None
    interval = f"{estimate.low:.3f} to {estimate.high:.3f}"
    return Cell(f"{estimate.value:.3f}", interval, estimate.value == best)
