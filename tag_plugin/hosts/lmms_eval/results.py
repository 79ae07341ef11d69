"""What the host reports: one judged record a sample, and the project's metrics over all of them.

A metric that does not apply to a sample gets nothing from it, and one that applies to no sample is
absent from the host's table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tag_plugin.data.rows import Row, parse_row
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import EMOTIONS, LabelSet, label_set
from tag_plugin.hosts.lmms_eval.empty_reply import EmptyReply
from tag_plugin.hosts.lmms_eval.evaluation import no_collections
from tag_plugin.hosts.lmms_eval.finishing import count_judged
from tag_plugin.results.record import RECORD
from tag_plugin.results.verdict import judged_result, verdict_fields
from tag_plugin.scoring import metrics
from tag_plugin.scoring.matching import Target
from tag_plugin.scoring.metrics import SampleResult
from tag_plugin.scoring.score import (
    DEFAULT_JUDGE,
    JudgeConfig,
    Reference,
    ScoredCompletion,
    score_completion,
)
from tag_plugin.trace.answer import AnswerPolicy
from tag_plugin.trace.prompt import Style

FAILURES: Final = ("[LMMS_EVAL_REQUEST_FAILED", "[LMMS_EVAL_BUDGET_EXCEEDED")
"""How the host's model wrappers begin the text that they return in the place of an answer."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the metrics need of one judged sample; small, since it travels between processes.

    `present` are the AUs that were to be found; None without detections.
    """

    result: SampleResult
    labels: str
    reasons: bool
    frame: BoxFrame
    config: JudgeConfig
    present: tuple[Target, ...] | None

    def __str__(self) -> str:
        """What the samples file shows in the place of each metric."""
        return f"see {RECORD}"


Aggregation = Callable[[Sequence[Sample]], float | None]
Results = Sequence[SampleResult]


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the host's table. `applies`: whether a sample has something to say about it."""

    name: str
    aggregate: Aggregation
    applies: Callable[[Sample], bool]
    higher_is_better: bool | None = True


def judge_config(row: Row, style: Style = Style.GROUNDED) -> JudgeConfig:
    """The judge's settings for a row: its detector's thresholds, and the style's way of answers."""
    thresholds = DEFAULT_JUDGE.thresholds if row.detector is None else row.detector.thresholds
    answers = AnswerPolicy.CONTRACT if style is Style.GROUNDED else AnswerPolicy.CAREFUL
    return JudgeConfig(thresholds=thresholds, answers=answers)


def process_results(doc: Mapping[str, Any], results: Sequence[str | None]) -> dict[str, Any]:
    """The host's call for each document: the record, and the sample under each metric it feeds.

    A request that failed is recorded and feeds no metric: it is neither right nor wrong.
    """
    completion = results[0] if results else None
    row, frame, style = (
        parse_row(doc["row"], doc["id"]),
        BoxFrame(doc["frame"]),
        Style(doc["style"]),
    )
    failed = _failure(completion)
    config = judge_config(row, style)
    reasons = style is Style.GROUNDED
    detections = row.detections if reasons else None
    reference = Reference(row.label, label_set(row.label_set), detections)
    scored = score_completion("" if failed else completion or "", reference, frame, config)
    result = judged_result(row.id, reference, scored, reasons=reasons)
    asked = {name: doc[name] for name in ("task", "image", "frame", "style")}
    record = {**asked, "completion": completion or "", "failed": failed}
    record |= _record(row, scored, result, config)
    if failed:
        return {RECORD: record}
    present = scored.targets.present if scored.targets else None
    sample = Sample(result, row.label_set, reasons, frame, config, present)
    return {RECORD: record, **{m.name: sample for m in METRICS if m.applies(sample)}}


def _failure(completion: str | None) -> str | None:
    """Why there is no answer to judge; None when there is one, be it empty."""
    if completion is None:
        return "the model returned nothing"
    if isinstance(completion, EmptyReply):
        return completion.reason
    return completion[:300] if completion.startswith(FAILURES) else None


def _record(
    row: Row, scored: ScoredCompletion, result: SampleResult, config: JudgeConfig
) -> dict[str, Any]:
    """Everything about one sample, enough for a report without the host: `results.record.Judged`.

    `detections` are all that the detector measured.
    """
    return {
        "id": row.id,
        "dataset": row.dataset,
        "label_set": row.label_set,
        "gold": row.label,
        "attributes": dict(row.attributes),
        **verdict_fields(scored, result),
        "detections": None if row.detections is None else row.detections.model_dump(mode="json"),
        "thresholds": config.thresholds.model_dump(),
    }


def _of_results(function: Callable[[Results], float | None]) -> Aggregation:
    return lambda samples: function([sample.result for sample in samples])


def _of_labels(function: Callable[[Results, LabelSet], float | None]) -> Aggregation:
    def aggregate(samples: Sequence[Sample]) -> float | None:
        return function([sample.result for sample in samples], label_set(samples[0].labels))

    return aggregate


def _template(samples: Sequence[Sample]) -> float | None:
    present = [sample.present for sample in samples if sample.present is not None]
    with no_collections():
        return metrics.mean_template_grounding(present, samples[0].frame, samples[0].config)


def _skill(samples: Sequence[Sample]) -> float | None:
    grounding = metrics.mean_grounding([sample.result for sample in samples])
    return metrics.skill(grounding, _template(samples))


def _always(_: Sample) -> bool:
    return True


def _is_gold(label: str, sample: Sample) -> bool:
    return sample.result.gold == label


def _reasons(sample: Sample) -> bool:
    return sample.reasons


def _is_consistent_or_not(sample: Sample) -> bool:
    return sample.reasons and sample.result.consistency is not None


def _is_grounded(sample: Sample) -> bool:
    return sample.present is not None


def _has(*fields: str) -> Callable[[Sample], bool]:
    """Whether a sample has something in one of these fields of its result."""
    return lambda sample: any(getattr(sample.result, field) for field in fields)


METRICS: tuple[Metric, ...] = (
    Metric("accuracy", _of_results(metrics.accuracy), _always),
    Metric("uar", _of_labels(metrics.uar), _always),
    Metric("macro_f1", _of_labels(metrics.macro_f1), _always),
    Metric("unparsable_rate", _of_results(metrics.unparsable_rate), _always, False),
    *(
        Metric(f"recall_{label}", _of_results(metrics.accuracy), partial(_is_gold, label))
        for label in EMOTIONS
    ),
    Metric("well_formed_rate", _of_results(metrics.well_formed_rate), _reasons),
    Metric("consistency", _of_results(metrics.mean_consistency), _is_consistent_or_not),
    Metric("grounding", _of_results(metrics.mean_grounding), _is_grounded),
    Metric("template_baseline", _template, _is_grounded, None),
    Metric("skill", _skill, _is_grounded),
    Metric("matched_iou", _of_results(metrics.mean_matched_iou), _has("matched_ious")),
    Metric("au_precision", _of_results(metrics.au_precision), _has("true_aus", "false_aus")),
    Metric("au_recall", _of_results(metrics.au_recall), _has("true_aus", "missed_aus")),
    Metric("au_f1", _of_results(metrics.au_f1), _has("true_aus", "false_aus", "missed_aus")),
    Metric(
        "hallucinated_au_rate",
        _of_results(metrics.hallucinated_au_rate),
        _has("true_aus", "false_aus"),
        False,
    ),
)
"""The lines of the host's table. No name contains another: groups find metrics by substring."""

METRIC_LIST: list[dict[str, Any]] = [
    {"metric": RECORD, "aggregation": count_judged, "higher_is_better": None},
    *(
        {
            "metric": metric.name,
            "aggregation": metric.aggregate,
            "higher_is_better": metric.higher_is_better,
        }
        for metric in METRICS
    ),
]
"""`metric_list` of the tasks."""
