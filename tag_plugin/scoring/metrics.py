"""Numbers over a test set. A metric that does not apply is None (absent), never 0."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tag_plugin.facs.boxes import BOX_SCALE, Box, BoxFrame, iou, snap
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.facs.prototypes import consistency
from tag_plugin.scoring.matching import Target, phi
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig, Reference, ScoredCompletion


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What one judged sample contributes. Counts are over claims or AUs of this sample.

    `prediction` is None for an unparsable answer. The grounding fields are None without
    detections; `consistency` is None without an answer; `well_formed` is None where no trace was
    asked for. AU counts (`true_aus`, `false_aus`,
    `missed_aus`) compare AU sets with the detector's, boxes aside, over the AUs it decided on.
    """

    id: str
    gold: str
    prediction: str | None
    well_formed: bool | None
    grounding: float | None = None
    matched_ious: tuple[float, ...] | None = None
    true_aus: tuple[int, ...] | None = None
    false_aus: tuple[int, ...] | None = None
    missed_aus: tuple[int, ...] | None = None
    consistency: float | None = None


def sample_result(sample_id: str, reference: Reference, scored: ScoredCompletion) -> SampleResult:
    """Reduce a verdict to what the metrics need.

    Raises:
        ValueError: the reference has no label.
    """
    if reference.label is None:
        raise ValueError(f"{sample_id}: a test sample needs a label")
    answer, claimed = scored.parsed.answer, {c.au for c in scored.parsed.claims if c.au}
    options = reference.labels.labels
    result = SampleResult(
        sample_id,
        reference.label,
        answer,
        scored.parsed.well_formed,
        consistency=None if answer is None else consistency(claimed, answer, options),
    )
    return result if scored.targets is None else _with_grounding(result, scored)


def _with_grounding(result: SampleResult, scored: ScoredCompletion) -> SampleResult:
    targets = scored.targets
    assert targets is not None  # noqa: S101  # the caller checked; mypy cannot see it
    claimed = {claim.au for claim in scored.claims if claim.au}
    present = {target.au for target in targets.present}
    return SampleResult(
        result.id,
        result.gold,
        result.prediction,
        result.well_formed,
        grounding=scored.grounding,
        matched_ious=tuple(match.iou for match in scored.matches),
        true_aus=tuple(sorted(claimed & present)),
        false_aus=tuple(sorted(claimed - present)),
        missed_aus=tuple(sorted(present - claimed)),
        consistency=result.consistency,
    )


def confusion_matrix(results: Sequence[SampleResult], labels: LabelSet) -> NDArray[np.int64]:
    """Counts [gold, prediction] in the label set's order; the last column is unparsable."""
    column = {label: index for index, label in enumerate(labels.labels)}
    matrix = np.zeros((len(labels.labels), len(labels.labels) + 1), dtype=np.int64)
    for result in results:
        matrix[column[result.gold], column.get(result.prediction or "", -1)] += 1
    return matrix


def accuracy(results: Sequence[SampleResult]) -> float | None:
    """Share of right answers; an unparsable answer is wrong."""
    return _mean(float(result.prediction == result.gold) for result in results)


def class_recalls(results: Sequence[SampleResult], labels: LabelSet) -> dict[str, float]:
    """Recall of each class that occurs in the test set."""
    matrix = confusion_matrix(results, labels)
    return {
        label: float(matrix[index, index] / matrix[index].sum())
        for index, label in enumerate(labels.labels)
        if matrix[index].sum()
    }


def uar(results: Sequence[SampleResult], labels: LabelSet) -> float | None:
    """Unweighted average recall over the classes that occur in the test set."""
    return _mean(class_recalls(results, labels).values())


def macro_f1(results: Sequence[SampleResult], labels: LabelSet) -> float | None:
    """Mean F1 over the classes that occur in the test set."""
    matrix = confusion_matrix(results, labels)
    scores = []
    for index in range(len(labels.labels)):
        gold, predicted = int(matrix[index].sum()), int(matrix[:, index].sum())
        if gold:
            scores.append(2 * int(matrix[index, index]) / (gold + predicted))
    return _mean(scores)


def unparsable_rate(results: Sequence[SampleResult]) -> float | None:
    """Share of samples without a single clear answer."""
    return _mean(float(result.prediction is None) for result in results)


def well_formed_rate(results: Sequence[SampleResult]) -> float | None:
    """Share of completions that follow the grammar throughout, where a trace was asked for."""
    return _mean(float(r.well_formed) for r in results if r.well_formed is not None)


def mean_grounding(results: Sequence[SampleResult]) -> float | None:
    """Mean grounding G over the samples with detections."""
    return _mean(result.grounding for result in results if result.grounding is not None)


def mean_matched_iou(results: Sequence[SampleResult]) -> float | None:
    """Mean IoU over all claims that are paired with a detection of the same AU."""
    return _mean(overlap for result in results for overlap in result.matched_ious or ())


def au_precision(results: Sequence[SampleResult]) -> float | None:
    """Share of claimed AUs that the detector saw."""
    true, false, _ = _au_counts(results)
    return true / (true + false) if true + false else None


def au_recall(results: Sequence[SampleResult]) -> float | None:
    """Share of the detector's AUs that were claimed."""
    true, _, missed = _au_counts(results)
    return true / (true + missed) if true + missed else None


def au_f1(results: Sequence[SampleResult]) -> float | None:
    """F1 of claimed AUs against the detector, pooled over samples."""
    true, false, missed = _au_counts(results)
    total = 2 * true + false + missed
    return 2 * true / total if total else None


def hallucinated_au_rate(results: Sequence[SampleResult]) -> float | None:
    """Share of claimed AUs that the detector can measure and did not see."""
    precision = au_precision(results)
    return None if precision is None else 1 - precision


def mean_consistency(results: Sequence[SampleResult]) -> float | None:
    """Mean AU-answer consistency over the samples with an answer."""
    return _mean(r.consistency for r in results if r.consistency is not None)


def mean_template_grounding(
    present: Sequence[Sequence[Target]],
    frame: BoxFrame = BoxFrame.RELATIVE,
    config: JudgeConfig = DEFAULT_JUDGE,
) -> float | None:
    """Mean G of a baseline that never looks, over faces whose present AUs these are.

    It is told which AUs are present and puts the data set's mean box of each. It depends on the
    data alone, so every model meets the same bar.
    """
    return _mean(template_scores(present, frame, config.iou_threshold))


def template_scores(
    present: Sequence[Sequence[Target]], frame: BoxFrame, iou_threshold: float
) -> list[float]:
    """G of the template baseline on each face; `present` are the AUs to be found on each."""
    boxes: dict[int, list[Box]] = defaultdict(list)
    for target in (target for group in present for target in group):
        boxes[target.au].append(target.box)
    template = {au: snap(_mean_box(group), frame) for au, group in boxes.items()}
    return [_template_score(group, template, iou_threshold) for group in present]


def _template_score(
    group: Sequence[Target], template: Mapping[int, Box], iou_threshold: float
) -> float:
    """Claims of one AU share one box, so that every pairing of them earns the same."""
    weight = sum(target.weight for target in group)
    earned = sum(t.weight * phi(iou(template[t.au], t.box), iou_threshold) for t in group)
    return earned / weight if weight else 1.0


def skill(grounding: float | None, template: float | None) -> float | None:
    """How much of the room above the template baseline is used: (G - Gt) / (1 - Gt)."""
    if grounding is None or template is None or template >= 1:
        return None
    return (grounding - template) / (1 - template)


def au_frequencies(results: Sequence[SampleResult]) -> dict[int, int]:
    """How often each AU was claimed (over the AUs the detector decided on)."""
    counts = Counter(au for r in results for au in (*(r.true_aus or ()), *(r.false_aus or ())))
    return dict(sorted(counts.items()))


def _mean_box(boxes: Sequence[Box]) -> Box:
    mean = np.mean([box.as_tuple() for box in boxes], axis=0).round()
    return Box(*(int(min(max(value, 0), BOX_SCALE)) for value in mean))


def _au_counts(results: Sequence[SampleResult]) -> tuple[int, int, int]:
    groups = ("true_aus", "false_aus", "missed_aus")
    true, false, missed = (sum(len(getattr(r, name) or ()) for r in results) for name in groups)
    return true, false, missed


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None
