"""Every metric of `scoring.metrics` with its bootstrap interval, all from one set of resamples.

A metric is a function of sums over samples (`Sums`) and of the confusion matrix. The same
functions give the value (from the sums of all samples) and the resampled values. NaN stands for
"not applicable" inside this module and becomes None, or an absent name, outside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tag_plugin.facs.emotions import LabelSet
from tag_plugin.scoring.metrics import SampleResult
from tag_plugin.scoring.statistics import (
    RESAMPLES,
    SEED,
    Floats,
    McNemar,
    PairedDifference,
    mcnemar,
    paired_difference,
    percentile_interval,
    resampled_sums,
)

Sums = Mapping[str, Floats]
Estimator = Callable[[Sums, Floats], Floats]

COLUMNS: Final = (
    "items",
    "right",
    "unparsable",
    "well_formed",
    "well_formed_items",
    "consistency",
    "consistency_items",
    "grounding",
    "template",
    "grounding_items",
    "iou",
    "iou_items",
    "true_aus",
    "false_aus",
    "missed_aus",
)
"""What a sample contributes; the cells of the confusion matrix follow."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its bootstrap 95 % interval."""

    value: float
    low: float
    high: float


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _share(part: str, whole: str = "items") -> Estimator:
    return lambda sums, _: _ratio(sums[part], sums[whole])


def _mean_over_classes(values: Floats) -> Floats:
    """The mean over the last axis of what is defined: the classes that occur."""
    return _ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


def class_recall(confusion: Floats) -> Floats:
    """(..., C, C + 1) counts [gold, prediction] -> (..., C); NaN where a class is absent."""
    return _ratio(_diagonal(confusion), confusion.sum(axis=-1))


def class_f1(confusion: Floats) -> Floats:
    """(..., C, C + 1) counts [gold, prediction] -> (..., C) F1; NaN where a class is absent."""
    gold, found = confusion.sum(axis=-1), confusion[..., :-1].sum(axis=-2)
    return np.where(gold > 0, _ratio(2 * _diagonal(confusion), gold + found), np.nan)


def _diagonal(confusion: Floats) -> Floats:
    return np.diagonal(confusion[..., :-1], axis1=-2, axis2=-1)


def _au_f1(sums: Sums, _: Floats) -> Floats:
    true, wrong = sums["true_aus"], sums["false_aus"] + sums["missed_aus"]
    return _ratio(2 * true, 2 * true + wrong)


def _au_share(part: str, other: str) -> Estimator:
    return lambda sums, _: _ratio(sums[part], sums[part] + sums[other])


def _skill(sums: Sums, _: Floats) -> Floats:
    """(G - Gt) / (1 - Gt); the template's boxes are the data set's and are not resampled."""
    grounding = _ratio(sums["grounding"], sums["grounding_items"])
    template = _ratio(sums["template"], sums["grounding_items"])
    return np.where(template < 1, _ratio(grounding - template, 1 - template), np.nan)


ESTIMATORS: Final[Mapping[str, Estimator]] = {
    "accuracy": _share("right"),
    "uar": lambda _, confusion: _mean_over_classes(class_recall(confusion)),
    "macro_f1": lambda _, confusion: _mean_over_classes(class_f1(confusion)),
    "unparsable_rate": _share("unparsable"),
    "well_formed_rate": _share("well_formed", "well_formed_items"),
    "consistency": _share("consistency", "consistency_items"),
    "grounding": _share("grounding", "grounding_items"),
    "template_baseline": _share("template", "grounding_items"),
    "skill": _skill,
    "matched_iou": _share("iou", "iou_items"),
    "au_precision": _au_share("true_aus", "false_aus"),
    "au_recall": _au_share("true_aus", "missed_aus"),
    "au_f1": _au_f1,
    "hallucinated_au_rate": _au_share("false_aus", "true_aus"),
}
"""Metric -> how it follows from the sums; recall and F1 of each class are added by name."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """The metrics of all samples, (), and of each resample, (resamples,), by name."""

    values: Mapping[str, float]
    resamples: Mapping[str, Floats]


def estimates(
    results: Sequence[SampleResult],
    labels: LabelSet,
    template: Mapping[str, float] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Estimate]:
    """Every metric that applies, with its interval; results are put into the order of their ids.

    Args:
        results: one of each sample.
        labels: the classes.
        template: sample id -> G of the template baseline, where there are detections.
        resamples: how many.
        seed: of the draws.
    """
    found = resample(results, labels, template, resamples=resamples, seed=seed)
    made = {}
    for name, value in found.values.items():
        interval = percentile_interval(found.resamples[name])
        if interval is not None and not np.isnan(value):
            made[name] = Estimate(value, interval.low, interval.high)
    return made


def resample(
    results: Sequence[SampleResult],
    labels: LabelSet,
    template: Mapping[str, float] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Resampled:
    """Every metric over all samples and over each resample; NaN where it does not apply."""
    if not results:
        return Resampled({}, {})
    ordered = sorted(results, key=lambda result: result.id)
    columns = np.array([_contribution(result, template or {}) for result in ordered])
    table = np.hstack([columns, _cells(ordered, labels)])
    whole = _metrics(table.sum(axis=0), labels)
    drawn = _metrics(resampled_sums(table, resamples, seed), labels)
    return Resampled({name: float(value) for name, value in whole.items()}, drawn)


def paired_estimates(
    first: Sequence[SampleResult],
    second: Sequence[SampleResult],
    labels: LabelSet,
    names: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, PairedDifference]:
    """Second - first for these metrics, where they apply, over the same draws of the same items.

    Raises:
        ValueError: the two hold different items.
    """
    require_same_items(first, second)
    one = resample(first, labels, resamples=resamples, seed=seed)
    two = resample(second, labels, resamples=resamples, seed=seed)
    found = {
        name: paired_difference(
            one.values[name], two.values[name], one.resamples[name], two.resamples[name]
        )
        for name in names
        if name in one.values
    }
    return {name: difference for name, difference in found.items() if difference is not None}


def paired_accuracy_test(first: Sequence[SampleResult], second: Sequence[SampleResult]) -> McNemar:
    """McNemar's test of two runs' right answers.

    Raises:
        ValueError: the two hold different items.
    """
    require_same_items(first, second)
    return mcnemar(_right(first), _right(second))


def require_same_items(first: Sequence[SampleResult], second: Sequence[SampleResult]) -> None:
    """Checks that two runs hold the same items with the same labels.

    Raises:
        ValueError: they do not; the message names an item.
    """
    one, two = ({result.id: result.gold for result in run} for run in (first, second))
    for name in [*one, *two]:
        if one.get(name) != two.get(name):
            raise ValueError(
                f"not the same items: {name} is {one.get(name)} in the first run and "
                f"{two.get(name)} in the second ({len(one)} and {len(two)} items)"
            )


def _right(results: Sequence[SampleResult]) -> list[bool]:
    return [r.prediction == r.gold for r in sorted(results, key=lambda result: result.id)]


def _metrics(sums: Floats, labels: LabelSet) -> dict[str, Floats]:
    """(..., k + C * (C + 1)) sums of COLUMNS and confusion -> the metrics by name, each (...)."""
    named = {name: sums[..., index] for index, name in enumerate(COLUMNS)}
    size = len(labels.labels)
    confusion = sums[..., len(COLUMNS) :].reshape((*sums.shape[:-1], size, size + 1))
    found = {name: estimator(named, confusion) for name, estimator in ESTIMATORS.items()}
    recalls, f1 = class_recall(confusion), class_f1(confusion)
    for index, label in enumerate(labels.labels):
        found[f"recall_{label}"] = recalls[..., index]
        found[f"f1_{label}"] = f1[..., index]
    return found


def _cells(results: Sequence[SampleResult], labels: LabelSet) -> Floats:
    """(n, C * (C + 1)) one-hot cells [gold, prediction]; the last column is unparsable."""
    number = {label: index for index, label in enumerate(labels.labels)}
    size = len(number)
    cells = [number[r.gold] * (size + 1) + number.get(r.prediction or "", size) for r in results]
    one_hot = np.zeros((len(cells), size * (size + 1)))
    one_hot[np.arange(len(cells)), cells] = 1.0
    return one_hot


def _contribution(result: SampleResult, template: Mapping[str, float]) -> tuple[float, ...]:
    """In the order of COLUMNS."""
    ious = result.matched_ious or ()
    return (
        1.0,
        float(result.prediction == result.gold),
        float(result.prediction is None),
        float(result.well_formed or 0),
        float(result.well_formed is not None),
        result.consistency or 0.0,
        float(result.consistency is not None),
        result.grounding or 0.0,
        template.get(result.id, 0.0) if result.grounding is not None else 0.0,
        float(result.grounding is not None),
        float(sum(ious)),
        float(len(ious)),
        float(len(result.true_aus or ())),
        float(len(result.false_aus or ())),
        float(len(result.missed_aus or ())),
    )
