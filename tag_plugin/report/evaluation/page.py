"""Results of lmms-eval -> one HTML file."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from tag_plugin.report.evaluation.classes import (
    accuracy_by_grounding,
    by_class,
    grounding_by_class,
    units_charts,
)
from tag_plugin.report.evaluation.confusion import matrices
from tag_plugin.report.evaluation.gallery import gallery
from tag_plugin.report.evaluation.runs import Task, read_tasks
from tag_plugin.report.gallery.cards import Gallery
from tag_plugin.report.gallery.pack import pack
from tag_plugin.report.html.assets import SCRIPTS, STYLES
from tag_plugin.report.html.document import write_page
from tag_plugin.scoring.metrics import METRICS, Metric, headlines

_TEMPLATE: Final = "evaluation.html.j2"


def write_evaluation_report(sources: Sequence[Path], out: Path) -> None:
    """Read one or several output folders of lmms-eval and write their report to `out`.

    Raises:
        ResultsError: a source holds no results of a tag_ task.
    """
    tasks = read_tasks(sources)
    shown = gallery(tasks)
    numbers = count()
    sections = [_section(task, shown, numbers) for task in tasks]
    contents = [("results", "Results"), *((s["key"], s["name"]) for s in sections)]
    contents += [("gallery-section", "Samples")] if shown.faces else []
    names = list(shown.runs)
    context = {
        "heading": " and ".join(names) if len(names) < 3 else f"{len(names)} runs",
        "subtitle": ", ".join(task.name for task in tasks),
        "sections": sections,
        "several": any(len(task.runs) > 1 for task in tasks),
        "has_samples": bool(shown.faces),
        "contents": contents,
        "blocks": _blocks(shown),
    }
    write_page(out, _TEMPLATE, context, STYLES, SCRIPTS)


def _blocks(shown: Gallery) -> Iterator[Markup]:
    if shown.faces:
        yield from pack(shown)


def _section(task: Task, shown: Gallery, numbers: Iterator[int]) -> dict[str, Any]:
    runs = {name: number for number, name in enumerate(shown.runs)}
    metrics = [m for m in headlines() if any(m.name in r.run.summary.metrics for r in task.runs)]
    task_number = sorted({face.task for face in shown.faces} | {task.name}).index(task.name)
    classes = [by_class(task, metric) for metric in METRICS.values() if metric.by_class]
    grounding = [grounding_by_class(task), accuracy_by_grounding(task), *units_charts(task)]
    return {
        "key": f"task-{task.name}",
        "name": task.name,
        "task": task,
        "metrics": metrics,
        "best": _best(task, metrics) if len(task.runs) > 1 and not task.differences else {},
        "matrices": matrices(task, shown.labels, task_number, runs),
        "by_class": [(next(numbers), chart) for chart in classes],
        "grounding": [(next(numbers), chart) for chart in grounding if chart is not None],
        "attributes": sorted({name for run in task.runs for name in run.run.summary.subgroups}),
    }


def _best(task: Task, metrics: Sequence[Metric]) -> dict[str, float]:
    """The best value of each metric that any run has."""
    best = {}
    for metric in metrics:
        estimates = [named.run.summary.metrics.get(metric.name) for named in task.runs]
        values = [estimate.value for estimate in estimates if estimate is not None]
        best[metric.name] = min(values) if metric.better == "lower" else max(values)
    return best
