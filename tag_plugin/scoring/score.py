"""The single judge. Data verification, rewards, evaluation and reports all call it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, BoxFrame, snap
from tag_plugin.facs.detections import Detections, Thresholds
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.scoring.matching import Match, Target, pair
from tag_plugin.trace.answer import AnswerPolicy
from tag_plugin.trace.claims import Claim
from tag_plugin.trace.parse import ParsedCompletion, parse

JUDGE_VERSION: Final = 2
"""What the judge credits; raised with every change of it. Numbers of two versions are not compared.

1. As published first.
2. A text is read in linear time; text after </answer> on its line is a defect and a second answer
   there counts; only ASCII digits are numbers; denials are told from negation words by what is
   denied; the policy `careful-1` reads marks of models, bullets, emoji and LaTeX around an answer.
"""


class JudgeConfig(BaseModel):
    """What the judge can be told; recorded with every result.

    `top_k`: at most so many present AUs are asked for, the most probable ones; the others are
    left undecided. `surplus_claims`: claims beyond top_k + surplus_claims can only cost.
    `iou_threshold`: an IoU up to it earns nothing. `full_iou`: an IoU from it on earns everything;
    below 1, as for a reward that is less noisy, G is no longer the metric of evaluation.
    `weighted`: weigh an AU by its probability. `answers`: how the answer is found; `careful` is
    for completions that were asked for no trace.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    thresholds: Thresholds = Thresholds()
    top_k: int = Field(default=6, ge=1)
    surplus_claims: int = Field(default=2, ge=0)
    iou_threshold: float = Field(default=0.3, ge=0, lt=1)
    full_iou: float = Field(default=1.0, gt=0, le=1)
    weighted: bool = False
    answers: AnswerPolicy = AnswerPolicy.CONTRACT

    @model_validator(mode="after")
    def _check_ramp(self) -> Self:
        if self.full_iou <= self.iou_threshold:
            raise ValueError(
                f"full_iou {self.full_iou} must be above iou_threshold {self.iou_threshold}"
            )
        return self


DEFAULT_JUDGE = JudgeConfig()
_EVERY_AU = frozenset(ACTION_UNITS)


@dataclass(frozen=True)
class Reference:
    """What is known about one face. `label` or `detections` may be missing: not applicable then."""

    label: str | None
    labels: LabelSet
    detections: Detections | None = None

    def __post_init__(self) -> None:
        if self.label is not None and self.label not in self.labels.labels:
            raise ValueError(f"{self.label!r} is not in the label set {self.labels.name}")

    @cached_property
    def _targets(self) -> dict[tuple[JudgeConfig, BoxFrame], "Targets"]:
        return {}

    def targets(self, config: JudgeConfig, frame: BoxFrame) -> "Targets | None":
        """What a completion should find, computed once for each configuration and frame."""
        if self.detections is None:
            return None
        key = (config, frame)
        if key not in self._targets:
            self._targets[key] = _targets(self.detections, config, frame)
        return self._targets[key]


@dataclass(frozen=True, slots=True)
class Targets:
    """The AUs to be found, those whose claims are ignored, and those known to be absent."""

    present: tuple[Target, ...]
    ignored: frozenset[int]
    absent: frozenset[int]


@dataclass(frozen=True, slots=True)
class ScoredCompletion:
    """The verdict on one completion. A part is None when it does not apply, 0.0 when it is wrong.

    `claims` are the claims that were judged (grey-band and unsupported AUs are left out),
    `claimed` their number including the surplus, `targets` what was to be found, and `matches`
    pairs indices of the two.
    """

    parsed: ParsedCompletion
    format: float
    answer: float | None
    grounding: float | None
    claims: tuple[Claim, ...] = ()
    claimed: int = 0
    targets: Targets | None = None
    matches: tuple[Match, ...] = field(default=())


def score_completion(
    text: str,
    reference: Reference,
    frame: BoxFrame,
    config: JudgeConfig = DEFAULT_JUDGE,
) -> ScoredCompletion:
    """Judge a completion whose boxes are written in `frame`. Never raises on any text.

    With P the claims and R the present AUs, phi(iou) = max(0, (iou - t) / (full - t)) up to 1:
    grounding = 2 * sum(weight * phi(iou of the pair)) / (|P| + |R|), each part in [0, 1].
    With R empty it is 1 when the loop claims nothing either (and says so), else 0.
    """
    parsed = parse(text, frame, reference.labels, config.answers)
    form = 1.0 if parsed.well_formed else 0.0
    answer = None if reference.label is None else float(parsed.answer == reference.label)
    targets = reference.targets(config, frame)
    if targets is None:
        return ScoredCompletion(parsed, form, answer, None)
    claims, claimed = judged_claims(parsed, targets, config)
    located = [_located(claim) for claim in claims]
    matches = pair(located, targets.present, config.iou_threshold, config.full_iou)
    grounding = _grounding(parsed, claimed, targets, matches)
    return ScoredCompletion(parsed, form, answer, grounding, claims, claimed, targets, matches)


def judged_claims(
    parsed: ParsedCompletion, targets: Targets, config: JudgeConfig
) -> tuple[tuple[Claim, ...], int]:
    """The claims that can earn credit, and |P|, the number of claims that are held against it."""
    limit = config.top_k + config.surplus_claims
    judged = tuple(c for c in parsed.claims[:limit] if c.au not in targets.ignored)
    return judged, len(judged) + max(0, len(parsed.claims) - limit)


def _targets(detections: Detections, config: JudgeConfig, frame: BoxFrame) -> Targets:
    present = detections.on(config.thresholds)
    chosen = present[: config.top_k]
    found = {detection.au for detection in chosen}
    undecided = detections.undecided(config.thresholds) | {d.au for d in present[config.top_k :]}
    return Targets(
        tuple(
            Target(d.au, snap(d.box, frame), d.probability if config.weighted else 1.0)
            for d in chosen
        ),
        (_EVERY_AU - detections.supported | undecided) - found,
        detections.supported - undecided - found,
    )


def _located(claim: Claim) -> tuple[int, Box] | None:
    return (claim.au, claim.box) if claim.usable and claim.au and claim.box else None


def _grounding(
    parsed: ParsedCompletion, claimed: int, targets: Targets, matches: tuple[Match, ...]
) -> float:
    if not targets.present:
        said_so = parsed.nothing_visible or bool(parsed.claims)
        return float(said_so and claimed == 0)
    # |R| counts each present AU by its weight, so that a perfect answer scores 1 when weighted.
    expected = sum(target.weight for target in targets.present)
    wrong = claimed - len(matches)
    matched = sum(targets.present[match.target].weight for match in matches)
    return 2 * sum(match.credit for match in matches) / (wrong + matched + expected)
