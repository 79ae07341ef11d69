"""Results of lmms-eval -> one HTML file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tag_plugin.report.evaluation.classes import (
    accuracy_by_grounding,
    by_class,
    grounding_by_class,
    units_charts,
)
from tag_plugin.report.evaluation.pairs import differences
from tag_plugin.report.evaluation.runs import Task, read_tasks
from tag_plugin.report.gallery.cards import Answer, Face, Gallery, Group, held
from tag_plugin.report.gallery.pack import UNPARSABLE, pack
from tag_plugin.report.html.document import write_page
from tag_plugin.scoring.metrics import METRICS, Metric, headlines
from tag_plugin.scoring.record import JudgedSample

GROUNDED: Final = 0.5
"""From this G on, an answer counts as grounded in the gallery."""
CONFIDENT: Final = 0.5
"""From this AU-answer consistency on, a wrong answer counts as confidently argued."""

GROUPS: Final = (
    Group("right_grounded", "Right & grounded", f"right answer, G of {GROUNDED} or more"),
    Group("right_ungrounded", "Right & ungrounded", f"right answer, G below {GROUNDED}"),
    Group(
        "wrong_confident",
        "Wrong & confident",
        "wrong answer in a well-formed trace whose Action Units speak for it "
        f"(AU-answer consistency of {CONFIDENT} or more): convincing, and wrong",
    ),
    Group("wrong", "Wrong", "any other label than the right one"),
    Group("unparsable", "Unparsable", "no single clear answer could be read: counted as wrong"),
    Group("failed", "Failed requests", "the host got no answer: not judged, not counted"),
)


def gallery(tasks: Sequence[Task]) -> Gallery:
    """Every sample of every run; runs that share a name across tasks share a column."""
    faces: list[Face] = []
    columns: dict[str, list[Answer | None]] = {
        named.name: [] for task in tasks for named in task.runs
    }
    for task in tasks:
        by_run = {named.name: named.samples for named in task.runs}
        judged = {s.id: s for samples in by_run.values() for s in samples.values()}
        faces += [_face(sample, task.name) for sample in judged.values()]
        for name, column in columns.items():
            samples = map(by_run.get(name, {}).get, judged)
            column += [None if sample is None else _answer(sample) for sample in samples]
    groups = [g for g in GROUPS if any(g.key in a.groups for c in columns.values() for a in c if a)]
    return Gallery(faces, columns, groups, "G")


def kinds(sample: JudgedSample) -> frozenset[str]:
    """The keys of the groups that a sample belongs to."""
    grounding, answered = sample.verdict.grounding, sample.prediction is not None
    sure = sample.verdict.format == 1 and (sample.consistency or 0) >= CONFIDENT
    holds = {
        "right_grounded": sample.right and grounding is not None and grounding >= GROUNDED,
        "right_ungrounded": sample.right and grounding is not None and grounding < GROUNDED,
        "wrong_confident": answered and not sample.right and sure,
        "wrong": answered and not sample.right,
        "unparsable": not answered,
    }
    return held(holds if sample.failed is None else {"failed": True})


def _face(sample: JudgedSample, task: str) -> Face:
    return Face(sample.id, Path(sample.image), sample.gold, sample.verdict.targets, task)


def _answer(sample: JudgedSample) -> Answer:
    verdict = sample.verdict
    parts = {"G": verdict.grounding, "format": verdict.format, "consistency": sample.consistency}
    text = sample.completion if sample.failed is None else f"(failed: {sample.failed})"
    return Answer(text, verdict, parts, verdict.grounding, kinds(sample))


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
        "differences": differences(task),
        "best": _best(task, metrics) if len(task.runs) > 1 and not task.differences else {},
        "by_class": [by_class(task, each) for each in METRICS.values() if each.by_class],
        "grounding": [chart for chart in grounding if chart is not None],
        "attributes": sorted({name for run in task.runs for name in run.run.summary.subgroups}),
    }


def _best(task: Task, metrics: Sequence[Metric]) -> dict[str, float]:
    """The best value of each metric of which one way is better, and which any run has."""
    measured = [named.run.summary.metrics for named in task.runs]
    ranked = [metric for metric in metrics if metric.better is not None]
    return {
        metric.name: (min if metric.better == "lower" else max)(
            estimates[metric.name].value for estimates in measured if metric.name in estimates
        )
        for metric in ranked
    }
