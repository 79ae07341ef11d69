"""The rewards: each reads one value off the judge's verdict; and the one weighted sum of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tag_plugin.facs.boxes import Box, iou
from tag_plugin.facs.emotions import EMOTIONS
from tag_plugin.facs.prototypes import ONE_SIDED, consistency
from tag_plugin.scoring.matching import pair
from tag_plugin.scoring.score import (
    DEFAULT_JUDGE,
    JudgeConfig,
    ScoredCompletion,
    grounding_of,
)
from tag_plugin.scoring.statistics import Floats


@dataclass(frozen=True, slots=True)
class Reward:
    """How a reward is read off a verdict: in [0, 1], or None where it does not apply.

    `weight` counts where a recipe gives none; `grounding`: it compares with detections; `default`:
    it is one of the method's own, which are used where a recipe names none.
    """

    read: Callable[[ScoredCompletion, JudgeConfig], float | None]
    weight: float
    grounding: bool = False
    default: bool = False


def weighted_sum(
    values: Sequence[float | None] | Sequence[Sequence[float | None]] | Floats,
    weights: Sequence[float],
) -> Floats:
    """The sum over the last axis of those that apply; nothing applies: 0, as in TRL's own sum.

    Args:
        values: (..., rewards); None and NaN stand for "does not apply".
        weights: (rewards,).
    """
    total: Floats = np.nansum(np.asarray(values, dtype=np.float64) * np.asarray(weights), axis=-1)
    return total


def class_blind_grounding(
    scored: ScoredCompletion, config: JudgeConfig = DEFAULT_JUDGE
) -> float | None:
    """The grounding part with boxes paired regardless of their AU.

    For parity with other work: it cannot tell a right AU from its neighbour.
    """
    if not scored.targets:
        return scored.grounding
    limits = (config.iou_threshold, config.full_iou)
    matches = pair(scored.located, scored.targets, *limits, class_blind=True)
    return grounding_of(scored.claimed, scored.targets, matches)


def dual_iou_grounding(scored: ScoredCompletion) -> float | None:
    """Mean of recall and precision, each by the best IoU within the same AU.

    For parity with other work: one box may serve several times.
    """
    if not scored.targets:
        return scored.grounding
    claims = [claim for claim in scored.located if claim is not None]
    wanted = [(target.au, target.box) for target in scored.targets]
    recall = sum(_best_iou(target, claims) for target in wanted) / len(wanted)
    precision = sum(_best_iou(claim, wanted) for claim in claims) / max(scored.claimed, 1)
    return (recall + precision) / 2


def coherence(scored: ScoredCompletion) -> float | None:
    """How well the claimed AUs support the answer, by the published prototypes of emotions.

    1 where no other emotion fits them better (contempt is no rival: its AUs are those of a smile,
    on one side). It looks at no face: AUs and answer may agree and
    both be wrong, and gold traces of photographs often do not agree. So it is off by default, and
    full marks on it are nothing to aim at. None where nothing is claimed, or answered.
    """
    answer = scored.parsed.answer
    claimed = {claim.au for claim in scored.parsed.claims if claim.usable and claim.au}
    if scored.format is None or answer is None or not claimed:
        return None
    return consistency(claimed, answer, set(EMOTIONS) - ONE_SIDED)


def _best_iou(box: tuple[int, Box], others: Sequence[tuple[int, Box]]) -> float:
    return max((iou(box[1], other) for au, other in others if au == box[0]), default=0.0)


REWARDS: Final[Mapping[str, Reward]] = {
    "answer": Reward(lambda scored, _: scored.answer, 1.0, default=True),
    "au_grounding": Reward(lambda scored, _: scored.grounding, 1.0, grounding=True, default=True),
    "au_grounding_class_blind": Reward(class_blind_grounding, 1.0, grounding=True),
    "au_grounding_dual_iou": Reward(
        lambda scored, _: dual_iou_grounding(scored), 1.0, grounding=True
    ),
    "coherence": Reward(lambda scored, _: coherence(scored), 0.2),
    "format": Reward(lambda scored, _: scored.format, 0.2, default=True),
}
"""Reward name -> reward."""

DEFAULT_WEIGHTS: Final[Mapping[str, float]] = {
    name: reward.weight for name, reward in REWARDS.items() if reward.default
}
"""The method's own rewards, with their weights."""
