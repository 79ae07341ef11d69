"""What the judge said of one sample, as the fields of its record (`results.record.Judged`)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tag_plugin.facs.boxes import Box
from tag_plugin.results.record import as_units
from tag_plugin.scoring.matching import Match, Target
from tag_plugin.scoring.metrics import SampleResult, sample_result
from tag_plugin.scoring.rewards import reward_parts
from tag_plugin.scoring.score import Reference, ScoredCompletion
from tag_plugin.trace.claims import Claim


def judged_result(
    sample_id: str, reference: Reference, scored: ScoredCompletion, *, reasons: bool
) -> SampleResult:
    """What the metrics need; form and consistency apply only where a trace was asked for."""
    result = sample_result(sample_id, reference, scored)
    return result if reasons else replace(result, well_formed=None, consistency=None)


def verdict_fields(scored: ScoredCompletion, result: SampleResult) -> dict[str, Any]:
    """The fields that follow from the completion; boxes are [x1, y1, x2, y2] in 0..1000.

    `reference` is what was to be found, None without detections.
    """
    present = scored.targets.present if scored.targets else ()
    parts = reward_parts(scored)
    return {
        "prediction": result.prediction,
        "answer_text": scored.parsed.answer_text,
        "parts": parts if result.well_formed is not None else {**parts, "format": None},
        "defects": [str(defect) for defect in scored.parsed.defects],
        "claims": [_claim(claim) for claim in scored.parsed.claims],
        "reference": None if scored.targets is None else [_target(target) for target in present],
        "matches": [_match(match, scored.claims, present) for match in scored.matches],
        "units": as_units(result),
        "consistency": result.consistency,
    }


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "au": claim.au,
        "box": _values(claim.box),
        "region": claim.region,
        "observation": claim.observation,
        "defects": [str(defect) for defect in claim.defects],
    }


def _target(target: Target) -> dict[str, Any]:
    return {"au": target.au, "box": _values(target.box)}


def _match(match: Match, claims: Sequence[Claim], present: Sequence[Target]) -> dict[str, Any]:
    return {
        "au": present[match.target].au,
        "claim": _values(claims[match.claim].box),
        "reference": _values(present[match.target].box),
        "iou": match.iou,
    }


def _values(box: Box | None) -> list[int] | None:
    return None if box is None else list(box.as_tuple())
