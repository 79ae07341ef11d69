"""What a judged sample contributes to the sums of which every metric is a function.

A table of contributions is (n, k): the columns of `COLUMNS`, four cells for each Action Unit as the
model claims it and four as its answer alone would have it, and the cells of the confusion matrix.
"""

from collections.abc import Sequence, Set
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.appearance import speaks_of
from tag_plugin.facs.boxes import iou
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.facs.votes import divergence, one_against_the_others
from tag_plugin.scoring.baselines import Baselines
from tag_plugin.scoring.matching import phi
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.score import DEFAULT_JUDGE
from tag_plugin.scoring.statistics import Floats

COLUMNS: Final = (
    "items",
    "right",
    "unparsable",
    "well_formed",
    "traces",
    "without_claim",
    "grounding",
    "grounded",
    "judged_units",
    "agreeing_raters",
    "compared_raters",
    "divergence",
    "divergence_items",
    "iou",
    "matches",
    "true_aus",
    "false_aus",
    "missed_aus",
    "worded_claims",
    "spoken_of",
    "placed",
    "placed_credit",
    "placed_template",
    "constant",
    "by_answer",
    "silence",
    "against_baselines",
    "reasoned",
    "right_by_reason",
)
"""What a sample contributes, apart from the cells of its AUs and of its answer."""

CELLS: Final = 4
"""Of an AU: claimed and present, only claimed, only present, neither."""
FEWEST: Final = 10
"""An AU counts for kappa when so many faces show it and so many do not."""
REASONED_F1: Final = 0.5
"""Of the AUs of an answer that is right for the right reason."""
_NUMBER: Final = {au: number for number, au in enumerate(ACTION_UNITS)}
_UNIT_CELLS: Final = len(_NUMBER) * 2 * CELLS


def absent_units(sample: JudgedSample) -> frozenset[int]:
    """The AUs that the detector can measure and that are surely not on the face."""
    if sample.detections is None:
        return frozenset()
    detections, grey = sample.detections, sample.thresholds.grey
    undecided = {each.au for each in detections.detections if each.probability >= grey}
    wanted = {target.au for target in sample.verdict.targets or ()}
    return detections.supported - undecided - wanted


def contributions(
    samples: Sequence[JudgedSample], labels: LabelSet, baselines: Baselines | None = None
) -> Floats:
    """(n, k): what each sample contributes; the baselines' part is 0 where there are none.

    An AU that fewer than `FEWEST` of the faces show, or do not, has no cells.
    """
    return without_rare_units(every_contribution(samples, labels, baselines))


def without_rare_units(table: Floats) -> Floats:
    """The table with no cells of AUs that too few of its faces show, or do not."""
    counted = np.ones(table.shape[1])
    units = counted[len(COLUMNS) : len(COLUMNS) + _UNIT_CELLS].reshape(len(_NUMBER), -1)
    units *= _counted(units_of(table.sum(axis=0)))[:, None]
    return table * counted


def every_contribution(
    samples: Sequence[JudgedSample], labels: LabelSet, baselines: Baselines | None = None
) -> Floats:
    """(n, k): with the cells of every AU."""
    columns = [contribution(sample, baselines) for sample in samples]
    units = np.array([_unit_cells(sample, baselines) for sample in samples])
    number = {label: index for index, label in enumerate(labels.labels)}
    size = len(number)
    answers = np.zeros((len(samples), size * (size + 1)))
    for row, sample in enumerate(samples):
        column = number.get(sample.prediction or "", size)  # the last one is unparsable
        answers[row, number[sample.gold] * (size + 1) + column] = 1.0
    table = np.array(columns).reshape(-1, len(COLUMNS))
    return np.hstack([table, units.reshape(len(samples), _UNIT_CELLS), answers])


def contribution(sample: JudgedSample, baselines: Baselines | None = None) -> tuple[float, ...]:
    """In the order of COLUMNS."""
    verdict = sample.verdict
    form, ious = verdict.format, [match.iou for match in verdict.matches]
    claims_something = any(claim.usable for claim in verdict.parsed.claims)
    units = verdict.units or ((), (), ())
    present = {target.au for target in verdict.targets or ()}
    grounded = verdict.grounding is not None
    return (
        1.0,
        float(sample.right),
        float(sample.prediction is None),
        form or 0.0,
        float(form is not None),
        float(form is not None and not claims_something),
        verdict.grounding or 0.0,
        float(grounded),
        float(len(present | absent_units(sample)) if verdict.units is not None else 0),
        *_against_raters(sample),
        float(sum(ious)),
        float(len(ious)),
        *map(float, map(len, units)),
        *_worded(sample),
        *(_against(sample, baselines) if baselines and grounded else _NO_BASELINES),
    )


def _against_raters(sample: JudgedSample) -> tuple[float, ...]:
    """Raters who agree with the others, those who could; how far several answers are from them."""
    if sample.votes is None:
        return (0.0,) * 4
    agreeing, compared = one_against_the_others(sample.votes)
    several = bool(sample.other_answers)
    answers = (sample.prediction, *sample.other_answers)
    distance = divergence(answers, sample.votes) if several else 0.0
    return (float(agreeing), float(compared), distance, float(several))


def _worded(sample: JudgedSample) -> tuple[float, float]:
    """How many claims name an AU, and in how many the observation speaks of what it moves."""
    claims = [(claim.au, claim) for claim in sample.claims if claim.au is not None]
    spoken = sum(speaks_of(au, claim.observation, claim.region) for au, claim in claims)
    return float(len(claims)), float(spoken)


_NO_BASELINES: Final = (0.0,) * (len(COLUMNS) - COLUMNS.index("placed"))


def _against(sample: JudgedSample, baselines: Baselines) -> tuple[float, ...]:
    """What the template and the three answers that never look get on this face."""
    frame, absent = sample.frame, absent_units(sample)
    targets = sample.verdict.targets or ()
    earned = placement(sample, baselines)
    claims = (baselines.constant, baselines.by_answer.get(sample.prediction or "", ()), ())
    return (
        float(len(earned)),
        float(sum(own for own, _ in earned)),
        float(sum(mean for _, mean in earned)),
        *(baselines.grounding(units, targets, absent, frame) for units in claims),
        1.0,
        float(bool(targets)),
        float(sample.right and _has_reasons(sample, earned)),
    )


def placement(sample: JudgedSample, baselines: Baselines) -> list[tuple[float, float]]:
    """The phi of each matched claim, and of the AU's mean box in its place.

    A match of an AU that no train face shows is left out: there is nothing to compare it with.
    """
    verdict, threshold = sample.verdict, DEFAULT_JUDGE.iou_threshold
    boxes = baselines.boxes(sample.frame)
    targets = [(match, (verdict.targets or ())[match.target]) for match in verdict.matches]
    return [
        (phi(match.iou, threshold), phi(iou(boxes[target.au], target.box), threshold))
        for match, target in targets
        if target.au in boxes
    ]


def _has_reasons(sample: JudgedSample, earned: Sequence[tuple[float, float]]) -> bool:
    """Whether most AUs are the face's, and their boxes are better than the mean ones."""
    true, false, missed = map(len, sample.verdict.units or ((), (), ()))
    right_units = true > 0 and 2 * true / (2 * true + false + missed) >= REASONED_F1
    return right_units and sum(own for own, _ in earned) > sum(mean for _, mean in earned)


def _unit_cells(sample: JudgedSample, baselines: Baselines | None = None) -> Floats:
    """(AUs, 2 * CELLS): one 1 for each AU that was judged on this face, one for the baseline."""
    cells = np.zeros((len(_NUMBER), 2 * CELLS))
    units, absent = sample.verdict.units, absent_units(sample)
    if units is not None:
        present, claimed = {*units.true, *units.missed}, {*units.true, *units.false}
        _mark(cells[:, :CELLS], claimed, present, absent)
        if baselines is not None:
            usual = {*baselines.by_answer.get(sample.prediction or "", ())}
            _mark(cells[:, CELLS:], usual, present, absent)
    return cells


def _mark(cells: Floats, claimed: Set[int], present: Set[int], absent: Set[int]) -> None:
    groups = (claimed & present, claimed & absent, present - claimed, absent - claimed)
    for cell, group in enumerate(groups):
        cells[[_NUMBER[au] for au in group], cell] = 1.0


def _counted(cells: Floats) -> NDArray[np.bool_]:
    """(AUs, 2 * CELLS) sums -> whether an AU is shown, and not shown, by enough faces."""
    true, false, missed, neither = cells.T[:CELLS]
    counted: NDArray[np.bool_] = np.minimum(true + missed, false + neither) >= FEWEST
    return counted


def units_of(sums: Floats) -> Floats:
    """(..., k) sums of contributions -> (..., AUs, 2 * CELLS): the model's, then the baseline's.

    All are 0 of an AU that does not count.
    """
    cells = sums[..., len(COLUMNS) : len(COLUMNS) + _UNIT_CELLS]
    return cells.reshape((*sums.shape[:-1], len(_NUMBER), 2 * CELLS))


def confusion_of(sums: Floats, labels: LabelSet) -> Floats:
    """(..., k) sums of contributions -> (..., C, C + 1) counts."""
    size = len(labels.labels)
    answers = sums[..., len(COLUMNS) + _UNIT_CELLS :]
    return answers.reshape((*sums.shape[:-1], size, size + 1))


def units_left_out(samples: Sequence[JudgedSample]) -> dict[int, tuple[int, int]]:
    """AU -> on how many faces it is to be found, and is not, where either is too few to count."""
    cells = sum(map(_unit_cells, samples), np.zeros((len(_NUMBER), 2 * CELLS)))
    judged = cells.sum(axis=-1) > 0
    return {
        au: (int(cells[n, 0] + cells[n, 2]), int(cells[n, 1] + cells[n, 3]))
        for au, n in _NUMBER.items()
        if judged[n] and not _counted(cells)[n]
    }
