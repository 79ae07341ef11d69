"""The parts of the reward, read off a judged completion, and their weighted sum."""

from collections.abc import Mapping
from types import MappingProxyType

from tag_plugin.facs.boxes import Box, iou
from tag_plugin.scoring.matching import pair
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig, ScoredCompletion

DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"answer": 1.0, "grounding": 0.5, "format": 0.2}
)


def reward_parts(scored: ScoredCompletion) -> dict[str, float | None]:
    """The parts by name, each in [0, 1], or None where it does not apply."""
    return {
        "answer": scored.answer,
        "grounding": scored.grounding,
        "format": scored.format,
    }


def total_reward(
    parts: Mapping[str, float | None], weights: Mapping[str, float] = DEFAULT_WEIGHTS
) -> float | None:
    """The weighted sum of the parts that apply; None when none does.

    Raises:
        KeyError: a weight names a part that does not exist.
    """
    values = [
        (weight, value) for name, weight in weights.items() if (value := parts[name]) is not None
    ]
    return sum(weight * value for weight, value in values) if values else None


def class_blind_grounding(
    scored: ScoredCompletion, config: JudgeConfig = DEFAULT_JUDGE
) -> float | None:
    """The grounding part with boxes paired regardless of their AU.

    For parity with other work: it cannot tell a right AU from its neighbour.
    """
    targets = scored.targets
    if targets is None or not targets.present:
        return scored.grounding
    claims = [(c.au, c.box) if c.usable and c.au and c.box else None for c in scored.claims]
    limits = (config.iou_threshold, config.full_iou)
    matches = pair(claims, targets.present, *limits, class_blind=True)
    weights = [target.weight for target in targets.present]
    matched = sum(weights[match.target] for match in matches)
    claimed = scored.claimed - len(matches) + matched
    return 2 * sum(match.credit for match in matches) / (claimed + sum(weights))


def dual_iou_grounding(scored: ScoredCompletion) -> float | None:
    """Mean of recall and precision, each by the best IoU within the same AU.

    For parity with other work: one box may serve several times.
    """
    targets = scored.targets
    if targets is None or not targets.present:
        return scored.grounding
    claims = [(c.au, c.box) for c in scored.claims if c.usable and c.box]
    wanted: list[tuple[int | None, Box]] = [(t.au, t.box) for t in targets.present]
    recall = sum(_best_iou(target, claims) for target in wanted) / len(wanted)
    precision = sum(_best_iou(claim, wanted) for claim in claims) / max(scored.claimed, 1)
    return (recall + precision) / 2


def _best_iou(box: tuple[int | None, Box], others: list[tuple[int | None, Box]]) -> float:
    return max((iou(box[1], other) for au, other in others if au == box[0]), default=0.0)
