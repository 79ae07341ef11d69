"""Confusion matrices as tables whose cells lead to their samples."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tag_plugin.report.evaluation.runs import NamedRun, Task
from tag_plugin.report.gallery.pack import UNPARSABLE


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A count, its share of the row, the shade 0..10 it is drawn in, and where it leads."""

    count: int
    share: float
    shade: int
    right: bool
    jump: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """One run's confusion: a row a label, a column an answer, the last one unparsable."""

    run: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, int, Sequence[MatrixCell]]]
    leads_somewhere: bool


def matrices(
    task: Task, labels: Sequence[str], task_number: int, runs: Mapping[str, int]
) -> list[Matrix]:
    """One matrix a run.

    Args:
        task: the task.
        labels: the gallery's labels, by which its filters are set.
        task_number: the task's number in the gallery.
        runs: the number of each run in the gallery.
    """
    return [_matrix(named, labels, task_number, runs[named.name]) for named in task.runs]


def _matrix(named: NamedRun, labels: Sequence[str], task_number: int, run: int) -> Matrix:
    summary = named.run.summary
    columns = [*summary.labels, "unparsable"]
    numbers = {label: number for number, label in enumerate(labels)} | {"unparsable": UNPARSABLE}
    rows = []
    for gold, counts in zip(summary.labels, summary.confusion, strict=True):
        total = sum(counts)
        cells = []
        for answer, count in zip(columns, counts, strict=True):
            share = count / total if total else 0.0
            state = {"gold": numbers.get(gold, ""), "answer": numbers.get(answer, "")}
            jump = json.dumps(state | {"task": task_number, "run": run})
            cells.append(MatrixCell(count, share, round(share * 10), gold == answer, jump))
        rows.append((gold, total, cells))
    return Matrix(named.name, columns, rows, bool(named.samples))
