"""Results of lmms-eval -> one HTML file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tag_plugin.report.evaluation.classes import (
    accuracy_by_grounding,
    by_class,
    grounding_by_class,
    units_charts,
)
from tag_plugin.report.evaluation.gallery import gallery
from tag_plugin.report.evaluation.runs import Task, read_tasks
from tag_plugin.report.gallery.cards import Gallery
from tag_plugin.report.gallery.pack import UNPARSABLE, pack
from tag_plugin.report.html.document import write_page
from tag_plugin.scoring.metrics import METRICS, Metric, headlines


def write_evaluation_report(sources: Sequence[Path], out: Path) -> None:
    """Read one or several output folders of lmms-eval and write their report to `out`.

    Raises:
        ResultsError: a source holds no results of a tag_ task.
    """
    tasks = read_tasks(sources)
    shown = gallery(tasks)
    sections = [_section(task, shown) for task in tasks]
    names = list(shown.runs)
    context = {
        "heading": " and ".join(names) if len(names) < 3 else f"{len(names)} runs",
        "subtitle": ", ".join(task.name for task in tasks),
        "sections": sections,
        "several": any(len(task.runs) > 1 for task in tasks),
        "has_samples": bool(shown.faces),
        "contents": [
            ("results", "Results"),
            *((section["key"], section["name"]) for section in sections),
            *([("gallery-section", "Samples")] if shown.faces else []),
        ],
        "runs": names,
        "numbers": {label: n for n, label in enumerate(shown.labels)} | {"unparsable": UNPARSABLE},
        "blocks": pack(shown) if shown.faces else (),
    }
    write_page(out, "evaluation.html.j2", context)


def _section(task: Task, shown: Gallery) -> dict[str, Any]:
    metrics = [m for m in headlines() if any(m.name in r.run.summary.metrics for r in task.runs)]
    grounding = [grounding_by_class(task), accuracy_by_grounding(task), *units_charts(task)]
    return {
        "key": f"task-{task.name}",
        "name": task.name,
        "task": task,
        "number": sorted({face.task for face in shown.faces} | {task.name}).index(task.name),
        "metrics": metrics,
        "best": _best(task, metrics) if len(task.runs) > 1 and not task.differences else {},
        "by_class": [by_class(task, each) for each in METRICS.values() if each.by_class],
        "grounding": [chart for chart in grounding if chart is not None],
        "attributes": sorted({name for run in task.runs for name in run.run.summary.subgroups}),
    }


def _best(task: Task, metrics: Sequence[Metric]) -> dict[str, float]:
    """The best value of each metric that any run has."""
    measured = [named.run.summary.metrics for named in task.runs]
    return {
        metric.name: (min if metric.better == "lower" else max)(
            estimates[metric.name].value for estimates in measured if metric.name in estimates
        )
        for metric in metrics
    }
