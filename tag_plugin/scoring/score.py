"""The single judge. Data verification, rewards, evaluation and reports all call it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, BoxFrame, snap
from tag_plugin.facs.detections import Detections, Probability, Thresholds
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.facs.frozen import Frozen
from tag_plugin.scoring.matching import Match, Target, pair
from tag_plugin.trace.answer import AnswerPolicy
from tag_plugin.trace.claims import Claim
from tag_plugin.trace.parse import ParsedCompletion, parse

JUDGE_VERSION: Final = 4
"""What the judge credits; raised with every change of it. Numbers of two versions are not compared.

1. As published first.
2. A text is read in linear time; text after </answer> on its line is a defect and a second answer
   there counts; only ASCII digits are numbers; denials are told from negation words by what is
   denied; the policy `careful-1` reads marks of models, bullets, emoji and LaTeX around an answer.
3. A conclusion without an AU may go by the face as a whole; nothing else is read in another way.
4. The text is read: a region that is not the AU's, an observation of more than 400 characters, the
   same one for two AUs, an AU or another answer in the global analysis, and more claims than are
   judged are defects. A text without a word is empty. AUs are claimed only by claims that can be
   right. Claims of unsupported AUs are counted; where
   no AU is present and nothing else is claimed, G does not apply.
"""


class AskedUnits(Frozen):
    """Which AUs of a face a trace is to name.

    Those from `thresholds.on` on; `top_k` of them at most, the most probable ones: the others are
    left undecided.
    """

    thresholds: Thresholds = Thresholds()
    top_k: int = Field(default=6, ge=1)


class JudgeConfig(AskedUnits):
    """What the judge can be told; recorded with every result.

    `surplus_claims`: claims beyond top_k + surplus_claims can only cost.
    `iou_threshold`: an IoU up to it earns nothing. `full_iou`: an IoU from it on earns everything;
    below 1, as for a reward that is less noisy, G is no longer the metric of evaluation.
    `weighted`: weigh an AU by its probability. `answers`: how the answer is found; `careful` is
    for completions that were asked for no trace.
    """

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

    def asking(self, asked: AskedUnits | None) -> Self:
        """For a row whose data were built to name these; what was set by hand stays."""
        if asked is None:
            return self
        left = AskedUnits.model_fields.keys() - self.model_fields_set
        return self.model_copy(update={name: getattr(asked, name) for name in left})


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
    def _wanted(self) -> dict[tuple[JudgeConfig, BoxFrame], "_Wanted"]:
        return {}

    def wanted(self, config: JudgeConfig, frame: BoxFrame) -> "_Wanted | None":
        """What a completion should find, computed once for each configuration and frame."""
        if self.detections is None:
            return None
        key = (config, frame)
        if key not in self._wanted:
            self._wanted[key] = _wanted(self.detections, config, frame)
        return self._wanted[key]


class _Wanted(NamedTuple):
    """The AUs to be found, those whose claims are ignored, and those that cannot be measured."""

    targets: tuple[Target, ...]
    ignored: frozenset[int]
    unsupported: frozenset[int]


class Units(NamedTuple):
    """Claimed AUs against those to be found, boxes aside, each in ascending order."""

    true: tuple[int, ...]
    false: tuple[int, ...]
    missed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScoredCompletion:
    """The verdict on one completion: what rewards, metrics, reports and files all hold.

    A part is None when it does not apply, 0.0 when it is wrong. `targets` are the AUs to be found
    (None without detections), `matches` pair numbers of `parsed.claims` and of `targets`.
    `judged_claims` are the numbers of the claims that were judged (grey-band and unsupported AUs
    are left out), `claimed` is how many count, with the surplus; `unsupported` is how many claim an
    AU that the detector cannot measure.

    Room for more, each with a default, so that a file of today stays readable: the side of an AU
    belongs to `Claim` and `Target`, findings about the text to `parsed` beside `defects`.

    Raises:
        ValueError: a number of no claim, or of no target.
    """

    parsed: ParsedCompletion
    format: Probability | None
    answer: Probability | None
    grounding: Probability | None
    judged_claims: tuple[int, ...] = ()
    claimed: Annotated[int, Field(ge=0)] = 0
    targets: tuple[Target, ...] | None = None
    matches: tuple[Match, ...] = ()
    version: Literal[2] = 2
    unsupported: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        known, wanted = len(self.parsed.claims), len(self.targets or ())
        if not all(0 <= number < known for number in self.judged_claims) or not all(
            match.claim < known and match.target < wanted for match in self.matches
        ):
            raise ValueError("judged_claims, matches: a number of no claim, or of no target")

    @property
    def located(self) -> list[tuple[int, Box] | None]:
        """AU and box of each claim, None where it cannot be right or was not judged."""
        return _located(self.parsed.claims, self.judged_claims)

    @property
    def units(self) -> Units | None:
        """The AUs that were claimed and wanted, only claimed, only wanted; None: no detections.

        Only a claim that can be right claims an AU: not one without a box, denied or malformed.
        """
        if self.targets is None:
            return None
        claimed = {claim[0] for claim in self.located if claim is not None}
        wanted = {target.au for target in self.targets}
        sets = (claimed & wanted, claimed - wanted, wanted - claimed)
        return Units(*(tuple(sorted(each)) for each in sets))

    @property
    def overlaps(self) -> dict[int, float]:
        """Number of a claim -> its IoU with the target that it is paired with."""
        return {match.claim: match.iou for match in self.matches}


def score_completion(
    text: str,
    reference: Reference,
    frame: BoxFrame,
    config: JudgeConfig = DEFAULT_JUDGE,
) -> ScoredCompletion:
    """Judge a completion whose boxes are written in `frame`. Never raises on any text.

    With P the claims and R the present AUs, phi(iou) = max(0, (iou - t) / (full - t)) up to 1:
    grounding = 2 * sum(weight * phi(iou of the pair)) / (|P| + |R|), each part in [0, 1].
    With R empty it is 1 when the loop claims nothing either (and says so), else 0; and None where
    unsupported AUs alone are claimed: they are never wrong, but they do not say "nothing" either.
    """
    limit = config.top_k + config.surplus_claims
    parsed = parse(text, frame, reference.labels, config.answers, limit)
    form = float(parsed.well_formed) if config.answers is AnswerPolicy.CONTRACT else None
    answer = None if reference.label is None else float(parsed.answer == reference.label)
    wanted = reference.wanted(config, frame)
    if wanted is None:
        return ScoredCompletion(parsed, form, answer, None)
    judged, claimed = _judged_claims(parsed, wanted.ignored, limit)
    targets, located = wanted.targets, _located(parsed.claims, judged)
    matches = pair(located, targets, config.iou_threshold, config.full_iou)
    unsupported = sum([claim.au in wanted.unsupported for claim in parsed.claims])
    grounding: float | None = 0.0
    if not targets and not claimed and unsupported:
        grounding = None
    elif targets or parsed.nothing_visible or parsed.claims:
        grounding = grounding_of(claimed, targets, matches)
    return ScoredCompletion(
        parsed, form, answer, grounding, judged, claimed, targets, matches, unsupported=unsupported
    )


def _judged_claims(
    parsed: ParsedCompletion, ignored: frozenset[int], limit: int
) -> tuple[tuple[int, ...], int]:
    """The claims that can earn credit, and |P|, the number of claims that are held against it."""
    first = enumerate(parsed.claims[:limit])
    judged = tuple([number for number, claim in first if claim.au not in ignored])
    return judged, len(judged) + max(0, len(parsed.claims) - limit)


def _wanted(detections: Detections, config: JudgeConfig, frame: BoxFrame) -> _Wanted:
    present = detections.on(config.thresholds)
    chosen = present[: config.top_k]
    found = {detection.au for detection in chosen}
    undecided = detections.undecided(config.thresholds) | {d.au for d in present[config.top_k :]}
    targets = tuple(
        Target(d.au, snap(d.box, frame), d.probability if config.weighted else 1.0) for d in chosen
    )
    unsupported = _EVERY_AU - detections.supported
    return _Wanted(targets, (unsupported | undecided) - found, unsupported)


def _located(claims: tuple[Claim, ...], judged: tuple[int, ...]) -> list[tuple[int, Box] | None]:
    located: list[tuple[int, Box] | None] = [None] * len(claims)
    for number in judged:
        claim = claims[number]
        if claim.usable and claim.au and claim.box:
            located[number] = (claim.au, claim.box)
    return located


def grounding_of(claimed: int, wanted: tuple[Target, ...], matches: tuple[Match, ...]) -> float:
    """G of |P| = `claimed` claims; where no AU is to be found it is 1 without a claim, else 0."""
    if not wanted:
        return float(claimed == 0)
    # |R| counts each present AU by its weight, so that a perfect answer scores 1 when weighted.
    expected = sum(target.weight for target in wanted)
    matched = sum(wanted[match.target].weight for match in matches)
    wrong = claimed - len(matches)
    return 2 * sum(match.credit for match in matches) / (wrong + matched + expected)
