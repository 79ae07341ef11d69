"""The one table of metrics, and what a judged sample contributes to them.

A metric is a function of sums over samples (`COLUMNS`) and of the confusion matrix, so that the
same function gives its value and its resampled values (`scoring.estimates`). NaN stands for "not
applicable" in here and becomes an absent name outside, never 0.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tag_plugin.facs.boxes import BOX_SCALE, Box, BoxFrame, iou, snap
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.scoring.matching import Target, phi
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.score import DEFAULT_JUDGE
from tag_plugin.scoring.statistics import Floats

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
"""What a sample contributes; the cells of the confusion matrix [gold, prediction] follow."""


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
    """

    name: str
    title: str
    estimator: Estimator
    columns: tuple[str, ...] = ("items",)
    better: Literal["higher", "lower"] | None = "higher"
    headline: bool = True
    by_class: bool = False

    def names(self, labels: Iterable[str]) -> list[str]:
        """Under which names its values stand where these are the classes."""
        return [f"{self.name}_{label}" for label in labels] if self.by_class else [self.name]


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _share(part: str, whole: str = "items") -> Estimator:
    return lambda sums, _: _ratio(sums[part], sums[whole])


def _au_share(part: str, other: str) -> Estimator:
    return lambda sums, _: _ratio(sums[part], sums[part] + sums[other])


def _au_f1(sums: Sums, _: Floats) -> Floats:
    true, wrong = sums["true_aus"], sums["false_aus"] + sums["missed_aus"]
    return _ratio(2 * true, 2 * true + wrong)


def _skill(sums: Sums, _: Floats) -> Floats:
    """(G - Gt) / (1 - Gt); the template's boxes are the data set's and are not resampled."""
    grounding = _ratio(sums["grounding"], sums["grounding_items"])
    template = _ratio(sums["template"], sums["grounding_items"])
    return np.where(template < 1, _ratio(grounding - template, 1 - template), np.nan)


def _class_recall(_: Sums, confusion: Floats) -> Floats:
    return _ratio(_diagonal(confusion), confusion.sum(axis=-1))


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
_CLAIMED_UNITS = ("true_aus", "false_aus")
_GROUNDED = ("grounding_items",)

METRICS: Final[dict[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "Accuracy", _share("right")),
        Metric("uar", "UAR", _mean_over_classes(_class_recall)),
        Metric("macro_f1", "Macro-F1", _mean_over_classes(_class_f1)),
        Metric("unparsable_rate", "Unparsable", _share("unparsable"), better="lower"),
        Metric(
            "well_formed_rate",
            "Well formed",
            _share("well_formed", "well_formed_items"),
            ("well_formed_items",),
        ),
        Metric(
            "consistency",
            "AU-answer consistency",
            _share("consistency", "consistency_items"),
            ("consistency_items",),
        ),
        Metric("grounding", "Grounding G", _share("grounding", "grounding_items"), _GROUNDED),
        Metric(
            "template_baseline",
            "G of the template baseline",
            _share("template", "grounding_items"),
            _GROUNDED,
            better=None,
            headline=False,
        ),
        Metric("skill", "Skill over template", _skill, _GROUNDED),
        Metric("matched_iou", "IoU of matched AUs", _share("iou", "iou_items"), ("iou_items",)),
        Metric(
            "au_precision",
            "AU precision",
            _au_share("true_aus", "false_aus"),
            _CLAIMED_UNITS,
            headline=False,
        ),
        Metric(
            "au_recall",
            "AU recall",
            _au_share("true_aus", "missed_aus"),
            ("true_aus", "missed_aus"),
            headline=False,
        ),
        Metric("au_f1", "AU F1", _au_f1, _ANY_UNITS),
        Metric(
            "hallucinated_au_rate",
            "Hallucinated AUs",
            _au_share("false_aus", "true_aus"),
            _CLAIMED_UNITS,
            better="lower",
        ),
        Metric("recall", "Recall", _class_recall, headline=False, by_class=True),
        Metric("f1", "F1", _class_f1, headline=False, by_class=True),
    )
}
"""Name -> metric, in the order of every table. Whoever names metrics reads them off here."""


def headlines() -> list[Metric]:
    """The metrics of the tables that compare runs or groups."""
    return [metric for metric in METRICS.values() if metric.headline]


def contributions(samples: Sequence[JudgedSample], labels: LabelSet) -> Floats:
    """(n, k + C * (C + 1)): COLUMNS of each sample, then its one-hot cell [gold, prediction]."""
    grounded = [sample for sample in samples if sample.verdict.targets is not None]
    wanted = [sample.verdict.targets or () for sample in grounded]
    frame = grounded[0].frame if grounded else BoxFrame.RELATIVE
    scores = template_scores(wanted, frame, DEFAULT_JUDGE.iou_threshold)
    template = dict(zip([sample.id for sample in grounded], scores, strict=True))
    columns = [contribution(sample, template.get(sample.id, 0.0)) for sample in samples]
    number = {label: index for index, label in enumerate(labels.labels)}
    size = len(number)
    cells = np.zeros((len(samples), size * (size + 1)))
    for row, sample in enumerate(samples):
        column = number.get(sample.prediction or "", size)  # the last one is unparsable
        cells[row, number[sample.gold] * (size + 1) + column] = 1.0
    return np.hstack([np.array(columns).reshape(-1, len(COLUMNS)), cells])


def contribution(sample: JudgedSample, template: float) -> tuple[float, ...]:
    """In the order of COLUMNS; `template` is the baseline's G on this face."""
    verdict, consistency, units = sample.verdict, sample.consistency, sample.verdict.units
    form, grounding = verdict.format, verdict.grounding
    ious = [match.iou for match in verdict.matches]
    return (
        1.0,
        float(sample.right),
        float(sample.prediction is None),
        form or 0.0,
        float(form is not None),
        consistency or 0.0,
        float(consistency is not None),
        grounding or 0.0,
        template,
        float(grounding is not None),
        float(sum(ious)),
        float(len(ious)),
        *(map(float, map(len, units or ((), (), ())))),
    )


def confusion_of(sums: Floats, labels: LabelSet) -> Floats:
    """(..., k + C * (C + 1)) sums of contributions -> (..., C, C + 1) counts."""
    size = len(labels.labels)
    return sums[..., len(COLUMNS) :].reshape((*sums.shape[:-1], size, size + 1))


def metric_values(sums: Floats, labels: LabelSet) -> dict[str, Floats]:
    """Every metric by name, each (...), of sums (..., k + C * (C + 1)) of contributions."""
    columns = {name: sums[..., index] for index, name in enumerate(COLUMNS)}
    confusion = confusion_of(sums, labels)
    values: dict[str, Floats] = {}
    for metric in METRICS.values():
        value, names = metric.estimator(columns, confusion), metric.names(labels.labels)
        parts = np.moveaxis(value, -1, 0) if metric.by_class else [value]
        values |= dict(zip(names, parts, strict=True))
    return values


def template_scores(
    wanted: Sequence[Sequence[Target]], frame: BoxFrame, iou_threshold: float
) -> list[float]:
    """G of a baseline that never looks, on each face; `wanted` are the AUs to be found on each.

    It is told which AUs are present and puts the data set's mean box of each. It depends on the
    data alone, so every model meets the same bar.
    """
    boxes: dict[int, list[Box]] = defaultdict(list)
    for target in (target for group in wanted for target in group):
        boxes[target.au].append(target.box)
    template = {au: snap(_mean_box(group), frame) for au, group in boxes.items()}
    return [_template_score(group, template, iou_threshold) for group in wanted]


def _template_score(
    group: Sequence[Target], template: Mapping[int, Box], iou_threshold: float
) -> float:
    """Claims of one AU share one box, so that every pairing of them earns the same."""
    weight = sum(target.weight for target in group)
    earned = sum(t.weight * phi(iou(template[t.au], t.box), iou_threshold) for t in group)
    return earned / weight if weight else 1.0


def _mean_box(boxes: Sequence[Box]) -> Box:
    # Halves go up, never to the even side: that would close a box of one unit.
    mean = np.floor(np.mean([box.as_tuple() for box in boxes], axis=0) + 0.5)
    return Box(*np.clip(mean, 0, BOX_SCALE).astype(int).tolist())
