"""The numbers of one evaluated task: metrics with intervals, confusion, subgroups, alarms.

The host integration, `merge`, `compare` and the model card all make or read this one summary.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from tag_plugin.facs.emotions import LabelSet
from tag_plugin.results.alarms import alarms, without_answer
from tag_plugin.results.record import Judged
from tag_plugin.scoring.estimates import Estimate, estimates
from tag_plugin.scoring.matching import Target
from tag_plugin.scoring.metrics import SampleResult, confusion_matrix, template_scores
from tag_plugin.scoring.score import DEFAULT_JUDGE
from tag_plugin.scoring.statistics import LEVEL, RESAMPLES, SEED

GROUP_METRICS: Final = ("accuracy", "uar", "unparsable_rate", "grounding")
"""What a subgroup table shows."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bootstrap(_Frozen):
    """How the intervals were made."""

    method: Literal["percentile"] = "percentile"
    level: float = LEVEL
    resamples: int = RESAMPLES
    seed: int = SEED


class Group(_Frozen):
    """One subgroup: its size and its metrics with intervals."""

    n: int
    metrics: Mapping[str, Estimate]


class Summary(_Frozen):
    """One task of one run.

    `n` counts judged samples, `empty` those of them whose reply is empty or reasoning alone,
    `failed` requests without an answer (never judged). `metrics` holds
    the metrics that apply; `confusion` counts [gold][prediction] in the order of `labels`, the
    last column is unparsable. `subgroups` are by attribute and value.
    """

    n: int
    failed: int
    empty: int = 0
    labels: tuple[str, ...]
    metrics: Mapping[str, Estimate]
    confusion: tuple[tuple[int, ...], ...]
    subgroups: Mapping[str, Mapping[str, Group]] = {}
    alarms: tuple[str, ...] = ()
    bootstrap: Bootstrap = Bootstrap()


def summarise(
    samples: Iterable[Judged],
    labels: LabelSet,
    bootstrap: Bootstrap = Bootstrap(),  # noqa: B008  # frozen
) -> Summary:
    """All numbers of a task's samples, in any order.

    Raises:
        ValueError: a sample's label is not one of `labels`.
    """
    found = sorted(samples, key=lambda sample: sample.id)
    judged = [sample for sample in found if sample.failed is None]
    results = [sample.result for sample in judged]
    template = template_by_id(judged)
    return Summary(
        n=len(judged),
        failed=len(found) - len(judged),
        empty=len(without_answer(judged)),
        labels=labels.labels,
        metrics=_estimates(results, labels, template, bootstrap),
        confusion=tuple(tuple(map(int, row)) for row in confusion_matrix(results, labels)),
        subgroups=_subgroups(judged, labels, template, bootstrap),
        alarms=tuple(alarms(found)),
        bootstrap=bootstrap,
    )


def template_by_id(samples: Sequence[Judged]) -> dict[str, float]:
    """G of the template baseline on each sample with detections, by id."""
    grounded = [sample for sample in samples if sample.reference is not None]
    if not grounded:
        return {}
    present = [[Target(t.au, t.box) for t in sample.reference or ()] for sample in grounded]
    scores = template_scores(present, grounded[0].frame, DEFAULT_JUDGE.iou_threshold)
    return {sample.id: score for sample, score in zip(grounded, scores, strict=True)}


def _subgroups(
    samples: Sequence[Judged],
    labels: LabelSet,
    template: Mapping[str, float],
    bootstrap: Bootstrap,
) -> dict[str, dict[str, Group]]:
    names = sorted({name for sample in samples for name in sample.attributes})
    tables: dict[str, dict[str, Group]] = {}
    for name in names:
        values = sorted({s.attributes[name] for s in samples if name in s.attributes})
        tables[name] = {}
        for value in values:
            group = [s.result for s in samples if s.attributes.get(name) == value]
            found = _estimates(group, labels, template, bootstrap)
            shown = {metric: found[metric] for metric in GROUP_METRICS if metric in found}
            tables[name][value] = Group(n=len(group), metrics=shown)
    return tables


def _estimates(
    results: Sequence[SampleResult],
    labels: LabelSet,
    template: Mapping[str, float],
    bootstrap: Bootstrap,
) -> dict[str, Estimate]:
    return estimates(results, labels, template, resamples=bootstrap.resamples, seed=bootstrap.seed)
