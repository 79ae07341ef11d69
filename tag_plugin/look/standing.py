"""What a detector says of each claim of a trace."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from tag_plugin.facs.action_units import ACTION_UNITS, action_unit
from tag_plugin.facs.boxes import Box, BoxFrame, iou
from tag_plugin.facs.detections import Detection, Detections, Thresholds
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.facs.frozen import Frozen
from tag_plugin.scoring.score import JudgeConfig, Reference, ScoredCompletion, score_completion
from tag_plugin.trace.claims import Claim


class Standing(StrEnum):
    """How a claim stands before the detector."""

    CONFIRMED = "confirmed"
    """The AU is there, and where the model points."""
    CONTRADICTED = "contradicted"
    """The AU is not there, or elsewhere."""
    NOT_MEASURABLE = "not measurable"
    """The detector cannot say, or there is nothing that it could be asked."""


class CheckedClaim(Frozen):
    """One claim of a trace, how it stands and why; `iou` is with the detector's box of that AU."""

    au: int | None
    box: Box | None
    region: str
    observation: str
    standing: Standing
    reason: str
    iou: float | None = None


class Checked(Frozen):
    """A completion beside what the detector measured. `overlooked` are AUs that nobody named."""

    text: str
    answer: str | None
    defects: tuple[str, ...]
    claims: tuple[CheckedClaim, ...]
    overlooked: tuple[Detection, ...]

    def count(self, standing: Standing) -> int:
        """How many claims stand like this."""
        return sum(claim.standing is standing for claim in self.claims)


EVERY_AU: Final = JudgeConfig(top_k=len(ACTION_UNITS))
"""Each AU that is on counts, however many are; a reward asks for the strongest alone."""


def check(
    text: str,
    labels: LabelSet,
    frame: BoxFrame,
    detections: Detections | None,
    thresholds: Thresholds,
) -> Checked:
    """Judge a completion whose boxes are in `frame`; any text gives a result.

    Args:
        text: what a model wrote.
        labels: the emotions that it was to choose from.
        frame: of its boxes.
        detections: what was measured on the same face frame; None: no face was seen there.
        thresholds: of the detector.
    """
    config = EVERY_AU.model_copy(update={"thresholds": thresholds})
    scored = score_completion(text, Reference(None, labels, detections), frame, config)
    claims = tuple(_checked(scored, detections, thresholds))
    named = {claim.au for claim in claims}
    present = detections.on(thresholds) if detections else ()
    overlooked = tuple(each for each in present if each.au not in named)
    parsed = scored.parsed
    return Checked(
        text=text,
        answer=parsed.answer,
        defects=parsed.defects,
        claims=claims,
        overlooked=overlooked,
    )


def _checked(
    scored: ScoredCompletion, detections: Detections | None, thresholds: Thresholds
) -> Iterator[CheckedClaim]:
    for number, claim in enumerate(scored.parsed.claims):
        overlap = scored.overlaps.get(number)
        if overlap is not None and overlap > EVERY_AU.iou_threshold:
            standing, reason = Standing.CONFIRMED, f"seen there too, IoU {overlap:.2f}"
        elif (why := _unmeasurable(claim, detections, thresholds)) or detections is None:
            standing, reason = Standing.NOT_MEASURABLE, why
        else:
            standing = Standing.CONTRADICTED
            reason, overlap = _contradiction(claim, detections.on(thresholds), detections)
        yield CheckedClaim(
            au=claim.au,
            box=claim.box,
            region=claim.region,
            observation=claim.observation,
            standing=standing,
            reason=reason,
            iou=None if overlap is None else round(overlap, 4),
        )


def _unmeasurable(claim: Claim, detections: Detections | None, thresholds: Thresholds) -> str:
    """Why the detector cannot say anything of a claim, "" where it can."""
    if not claim.usable or claim.au is None:
        return f"no claim that can be checked: {'; '.join(claim.defects) or 'no AU or no box'}"
    code = action_unit(claim.au).code
    if detections is None:
        return "the detector sees no face in this frame"
    if claim.au not in detections.supported:
        return f"this detector cannot measure {code} here"
    if claim.au in detections.undecided(thresholds):
        return f"the detector is undecided about {code} ({_probability(claim.au, detections):.2f})"
    return ""


def _contradiction(
    claim: Claim, present: Sequence[Detection], detections: Detections
) -> tuple[str, float | None]:
    """Why a measured claim is not confirmed, and its IoU with the AU's box where there is one."""
    boxes = [each.box for each in present if each.au == claim.au]
    if claim.au is None or claim.box is None or not boxes:
        probability = _probability(claim.au, detections)
        return f"the detector does not see it ({probability:.2f})", None
    best = max(iou(claim.box, box) for box in boxes)
    return f"the detector sees it elsewhere, IoU {best:.2f}", best


def _probability(au: int | None, detections: Detections) -> float:
    return max((each.probability for each in detections.detections if each.au == au), default=0.0)
