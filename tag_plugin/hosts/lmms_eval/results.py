"""What the host reports: one judged sample a document, and the project's metrics over all of them.

The host asks for one aggregation a metric and hands nothing from one to the next. Ours are made
once a task, from its records; every metric is then read off that summary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tag_plugin.data.rows import Row
from tag_plugin.data.synthetic.face_id import edit_of
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import EMOTIONS
from tag_plugin.hosts.lmms_eval.documents import BASELINES, ROWS
from tag_plugin.hosts.lmms_eval.host_functions import EmptyReply
from tag_plugin.pipeline.baselines import asked_of
from tag_plugin.results.redrawn import REDRAWN_METRICS
from tag_plugin.results.summary import Summary, summarise
from tag_plugin.scoring.contributions import COLUMNS, contribution
from tag_plugin.scoring.metrics import METRICS
from tag_plugin.scoring.record import RECORD, AnsweredSample, JudgedSample
from tag_plugin.scoring.score import JudgeConfig
from tag_plugin.trace.answer import AnswerPolicy
from tag_plugin.trace.prompt import Style

FAILURES: Final = ("[LMMS_EVAL_REQUEST_FAILED", "[LMMS_EVAL_BUDGET_EXCEEDED")
"""How the host's model wrappers begin the text that they return in the place of an answer."""

SUMMARIES: Final[dict[str, Summary]] = {}
"""Task -> its numbers, from its first aggregation on until `finish` takes them."""


@dataclass(frozen=True, slots=True)
class Fed:
    """What a sample feeds to a metric: nothing but its task, which travels between processes."""

    task: str

    def __str__(self) -> str:
        """What the samples file shows in the place of each metric."""
        return f"see {RECORD}"


def judge_config(row: Row, style: Style = Style.GROUNDED) -> JudgeConfig:
    """The judge's settings for a row, with the style's way of answers.

    It asks for what the dataset was built to name, else by the detector's own thresholds.
    """
    answers = AnswerPolicy.CONTRACT if style is Style.GROUNDED else AnswerPolicy.CAREFUL
    return JudgeConfig(answers=answers).asking(asked_of(row, row.asked))


def process_results(
    doc: Mapping[str, Any], results: Sequence[str | list[str] | None]
) -> dict[str, Any]:
    """The host's call for each document: the judged sample, and the metrics that it has a part in.

    A request that failed is recorded and feeds no metric: it is neither right nor wrong. The sample
    comes first, so that the host aggregates it first; `finish` makes its record of it.
    """
    completion, *others = _answers(results) or [None]
    row = ROWS[doc["task"]][doc["id"]]
    config = judge_config(row, Style(doc["style"]))
    sample = AnsweredSample(
        id=row.id,
        task=doc["task"],
        dataset=row.dataset,
        image=doc["image"],
        label_set=row.label_set,
        gold=row.label,
        style=doc["style"],
        frame=BoxFrame(doc["frame"]),
        completion=completion or "",
        detections=row.detections,
        thresholds=config.thresholds,
        attributes=row.attributes,
        failed=_failure(completion),
        votes=row.votes,
        others=tuple(other for other in others if other and _failure(other) is None),
    ).judged(config)
    return {RECORD: sample, **dict.fromkeys(_metrics_of(sample), Fed(sample.task))}


def _answers(results: Sequence[str | list[str] | None]) -> list[str | None]:
    """All answers to one face: a task whose filter keeps several hands them on as a list."""
    lists = (each if isinstance(each, list) else [each] for each in results)
    return [answer for each in lists for answer in each]


def _metrics_of(sample: JudgedSample) -> list[str]:
    """The metrics that a sample has something to say about; none where its request failed."""
    columns = zip(COLUMNS, contribution(sample, BASELINES.get(sample.task)), strict=True)
    spoken = {name for name, value in columns if value and not sample.failed}
    redrawn = edit_of(sample.id) is not None and not sample.failed
    return [
        name
        for metric in METRICS.values()
        if not spoken.isdisjoint(metric.columns)
        for name in metric.names([sample.gold])
    ] + (list(REDRAWN_METRICS) if redrawn else [])


def _failure(completion: str | None) -> str | None:
    """Why there is no answer to judge; None when there is one, be it empty."""
    if completion is None:
        return "the model returned nothing"
    if isinstance(completion, EmptyReply):
        return completion.reason
    return completion[:300] if completion.startswith(FAILURES) else None


def summarise_task(samples: Sequence[JudgedSample]) -> int:
    """The host's aggregation over the samples of all processes: how many are judged."""
    task = samples[0].task
    summary = summarise(samples, samples[0].labels, baselines=BASELINES.get(task))
    SUMMARIES[task] = summary
    return summary.n


def _from_summary(name: str) -> Callable[[Sequence[Fed]], float | None]:
    def aggregate(fed: Sequence[Fed]) -> float | None:
        estimate = SUMMARIES[fed[0].task].metrics.get(name)
        return None if estimate is None else estimate.value

    return aggregate


def metric_list() -> list[dict[str, Any]]:
    """The record, then every line of the table of metrics."""
    return [
        {"metric": RECORD, "aggregation": summarise_task, "higher_is_better": None},
        *(
            {
                "metric": name,
                "aggregation": _from_summary(name),
                "higher_is_better": None if metric.better is None else metric.better == "higher",
            }
            for metric in METRICS.values()
            for name in metric.names(EMOTIONS)
        ),
        *(
            {"metric": name, "aggregation": _from_summary(name), "higher_is_better": True}
            for name in REDRAWN_METRICS
        ),
    ]


METRIC_LIST: Final = metric_list()
"""`metric_list` of the tasks."""
