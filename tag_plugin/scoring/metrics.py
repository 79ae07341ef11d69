"""The one table of metrics.

A metric is a function of sums over samples (`scoring.contributions`) and of the confusion matrix,
so that the same function gives its value and its resampled values (`scoring.estimates`). NaN stands
for "not applicable" in here and becomes an absent name outside, never 0.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from tag_plugin.facs.emotions import LabelSet
from tag_plugin.scoring.contributions import CELLS, COLUMNS, confusion_of, units_of
from tag_plugin.scoring.statistics import Floats

FEW: Final = 30
"""A class of fewer faces is flagged: its intervals, and those of means over classes, are unsure."""

Sums = Mapping[str, Floats]
Estimator = Callable[[Sums, Floats], Floats]


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table.

    Attributes:
        name: in files; no name may contain another, since the host's groups look for substrings.
        title: for people.
        estimator: sums (...) and confusion (..., C, C + 1) -> (...), or (..., C) `by_class`.
        columns: a sample has something to say about it when it adds to one of these.
        better: which way is better; None where neither is.
        headline: it stands in the tables that compare runs or groups; the others show all.
        by_class: one value a class, under the name and the class.
        over_classes: a mean over the classes, which a class of few faces makes unsure.
        trials: of how many independent trials it is a share, in the shape of its value; None where
            it is no such share.
    """

    name: str
    title: str
    estimator: Estimator
    columns: tuple[str, ...] = ("items",)
    better: Literal["higher", "lower"] | None = "higher"
    headline: bool = True
    by_class: bool = False
    over_classes: bool = False
    trials: Estimator | None = None

    def names(self, labels: Iterable[str]) -> list[str]:
        """Under which names its values stand where these are the classes."""
        return [f"{self.name}_{label}" for label in labels] if self.by_class else [self.name]


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _share(part: str, whole: str = "items") -> Estimator:
    return lambda sums, _: _ratio(sums[part], sums[whole])


def _proportion(name: str, title: str, part: str, whole: str = "items") -> Metric:
    """The share of the items that are counted in `whole`."""
    return Metric(name, title, _share(part, whole), (whole,), trials=lambda sums, _: sums[whole])


def _au_proportion(name: str, title: str, part: str, other: str) -> Metric:
    """The share of AUs; those of one face are taken for independent, as they nearly are."""

    def trials(sums: Sums, _: Floats) -> Floats:
        return sums[part] + sums[other]

    def share(sums: Sums, confusion: Floats) -> Floats:
        return _ratio(sums[part], trials(sums, confusion))

    return Metric(name, title, share, (part, other), headline=False, trials=trials)


def _au_f1(sums: Sums, _: Floats) -> Floats:
    true, wrong = sums["true_aus"], sums["false_aus"] + sums["missed_aus"]
    return _ratio(2 * true, 2 * true + wrong)


def _kappa(first: int) -> Estimator:
    """Mean of Cohen's kappa over the AUs that count: 0 for claims that never depend on a face.

    Of an AU with the share o of right claims and silences, and e of those expected from how often
    it is claimed and how often it is present, kappa = (o - e) / (1 - e). `first` is its first cell.
    """

    def mean(sums: Sums, _: Floats) -> Floats:
        true, false, missed, neither = np.moveaxis(sums["units"], -1, 0)[first : first + CELLS]
        n, present, claimed = true + false + missed + neither, true + missed, true + false
        expected = _ratio(present * claimed + (n - present) * (n - claimed), n**2)
        kappa = _ratio(_ratio(true + neither, n) - expected, 1 - expected)
        return _ratio(np.nansum(kappa, axis=-1), (~np.isnan(kappa)).sum(axis=-1))

    return mean


def _counted_aus(sums: Sums, _: Floats) -> Floats:
    counted = (sums["units"].sum(axis=-1) > 0).sum(axis=-1).astype(np.float64)
    return np.where(counted > 0, counted, np.nan)


def _box_skill(sums: Sums, _: Floats) -> Floats:
    """(phi - phi of the mean boxes) / (1 - phi of the mean boxes), over matched pairs."""
    own, template, pairs = (sums[name] for name in ("placed_credit", "placed_template", "placed"))
    return _ratio(own - template, pairs - template)


def _class_recall(_: Sums, confusion: Floats) -> Floats:
    return _ratio(_diagonal(confusion), _class_faces({}, confusion))


def _class_faces(_: Sums, confusion: Floats) -> Floats:
    faces: Floats = confusion.sum(axis=-1)
    return faces


def _class_f1(_: Sums, confusion: Floats) -> Floats:
    gold, predicted = confusion.sum(axis=-1), confusion[..., :-1].sum(axis=-2)
    return np.where(gold > 0, _ratio(2 * _diagonal(confusion), gold + predicted), np.nan)


def _diagonal(confusion: Floats) -> Floats:
    return np.diagonal(confusion[..., :-1], axis1=-2, axis2=-1)


def _mean_over_classes(by_class: Estimator) -> Estimator:
    """The mean over the classes that occur."""

    def mean(sums: Sums, confusion: Floats) -> Floats:
        values = by_class(sums, confusion)
        return _ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))

    return mean


_ANY_UNITS = ("true_aus", "false_aus", "missed_aus")
_GROUNDED = ("grounded",)


def _baseline(column: str, title: str) -> Metric:
    share = _share(column, "against_baselines")
    return Metric(f"{column}_baseline", title, share, ("against_baselines",), better=None)


METRICS: Final[dict[str, Metric]] = {
    metric.name: metric
    for metric in (
        _proportion("accuracy", "Accuracy", "right"),
        Metric(
            "one_rater",
            "One human rater",
            _share("agreeing_raters", "compared_raters"),
            ("compared_raters",),
            better=None,
        ),
        Metric("uar", "UAR", _mean_over_classes(_class_recall), over_classes=True),
        Metric("macro_f1", "Macro-F1", _mean_over_classes(_class_f1), over_classes=True),
        Metric(
            "vote_divergence",
            "Divergence from the votes",
            _share("divergence", "divergence_items"),
            ("divergence_items",),
            better="lower",
            headline=False,
        ),
        replace(_proportion("unparsable_rate", "Unparsable", "unparsable"), better="lower"),
        _proportion("well_formed_rate", "Well formed", "well_formed", "traces"),
        replace(
            _proportion("no_claim_rate", "Without a claim", "without_claim", "traces"), better=None
        ),
        _proportion("right_reason", "Right for the right reason", "right_by_reason", "reasoned"),
        Metric("au_kappa", "WHICH: kappa over AUs", _kappa(0), ("judged_units",)),
        Metric(
            "kappa_by_answer",
            "WHICH of the answer's usual AUs",
            _kappa(CELLS),
            ("against_baselines",),
            better=None,
        ),
        Metric(
            "counted_aus",
            "AUs that count for WHICH",
            _counted_aus,
            ("judged_units",),
            better=None,
            headline=False,
        ),
        Metric("box_skill", "WHERE: box skill", _box_skill, ("placed",)),
        Metric("grounding", "Grounding G", _share("grounding", "grounded"), _GROUNDED),
        _baseline("silence", "G of silence"),
        _baseline("constant", "G of the best constant claim"),
        _baseline("by_answer", "G of the answer's usual AUs"),
        Metric("matched_iou", "IoU of matched AUs", _share("iou", "matches"), ("matches",)),
        _au_proportion("au_precision", "AU precision", "true_aus", "false_aus"),
        _au_proportion("au_recall", "AU recall", "true_aus", "missed_aus"),
        Metric("au_f1", "AU F1", _au_f1, _ANY_UNITS),
        replace(
            _au_proportion("hallucinated_au_rate", "Hallucinated AUs", "false_aus", "true_aus"),
            better="lower",
            headline=True,
        ),
        Metric(
            "spoken_of_rate",
            "Observations of their AU",
            _share("spoken_of", "worded_claims"),
            ("worded_claims",),
            headline=False,
        ),
        Metric(
            "recall",
            "Recall",
            _class_recall,
            headline=False,
            by_class=True,
            trials=_class_faces,
        ),
        Metric("f1", "F1", _class_f1, headline=False, by_class=True),
    )
}
"""Name -> metric, in the order of every table. Whoever names metrics reads them off here."""


def headlines() -> list[Metric]:
    """The metrics of the tables that compare runs or groups."""
    return [metric for metric in METRICS.values() if metric.headline]


def metric_values(sums: Floats, labels: LabelSet) -> dict[str, Floats]:
    """Every metric by name, each (...), of sums (..., k) of contributions."""
    return _by_name(sums, labels, {metric: metric.estimator for metric in METRICS.values()})


def metric_trials(sums: Floats, labels: LabelSet) -> dict[str, Floats]:
    """Of how many trials each metric is a share that is one."""
    shares = {metric: metric.trials for metric in METRICS.values() if metric.trials is not None}
    return _by_name(sums, labels, shares)


def unsure(confusion: Floats, labels: LabelSet) -> frozenset[str]:
    """The metrics of a class of few faces, and the means over classes where there is one.

    `confusion` is (C, C + 1) counts.
    """
    few = few_faces(confusion, labels)
    return frozenset(
        name
        for metric in METRICS.values()
        for name in metric.names(few)
        if metric.by_class or (metric.over_classes and few)
    )


def few_faces(confusion: Floats, labels: LabelSet) -> dict[str, int]:
    """Class -> its faces, where it occurs and has fewer than `FEW`."""
    counts = zip(labels.labels, confusion.sum(axis=-1), strict=True)
    return {label: int(count) for label, count in counts if 0 < count < FEW}


def _by_name(
    sums: Floats, labels: LabelSet, estimators: Mapping[Metric, Estimator]
) -> dict[str, Floats]:
    columns = {name: sums[..., index] for index, name in enumerate(COLUMNS)}
    columns["units"] = units_of(sums)
    confusion = confusion_of(sums, labels)
    values: dict[str, Floats] = {}
    for metric, estimator in estimators.items():
        value, names = estimator(columns, confusion), metric.names(labels.labels)
        parts = np.moveaxis(value, -1, 0) if metric.by_class else [value]
        values |= dict(zip(names, parts, strict=True))
    return values
