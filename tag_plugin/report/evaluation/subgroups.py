"""Tables by attribute: how the numbers differ between groups of people."""

from collections.abc import Sequence
from dataclasses import dataclass

from tag_plugin.report.evaluation.runs import Task
from tag_plugin.scoring.metrics import headlines


@dataclass(frozen=True, slots=True)
class Subgroups:
    """One attribute: a row for each run and value, a cell a metric ("–": does not apply)."""

    attribute: str
    metrics: Sequence[str]
    rows: Sequence[tuple[str, str, int, Sequence[str]]]


def subgroups(task: Task) -> list[Subgroups]:
    """The tables of a task; none when the data set knows no attributes."""
    attributes = sorted({name for named in task.runs for name in named.run.summary.subgroups})
    titles = [metric.title for metric in headlines()]
    return [Subgroups(attribute, titles, _rows(task, attribute)) for attribute in attributes]


def _rows(task: Task, attribute: str) -> list[tuple[str, str, int, Sequence[str]]]:
    rows: list[tuple[str, str, int, Sequence[str]]] = []
    for named in task.runs:
        for value, group in named.run.summary.subgroups.get(attribute, {}).items():
            found = [group.metrics.get(metric.name) for metric in headlines()]
            cells = [
                "–" if e is None else f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f})" for e in found
            ]
            rows.append((named.name, value, group.n, cells))
    return rows
