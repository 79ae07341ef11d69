"""What is to become of a reply: the judge's scores, read as keep, ask again, or eliminate."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tag_plugin.asking.request import STOPPED_READING, Reply
from tag_plugin.data.rows import Row
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detection
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.scoring.score import JudgeConfig, Reference, ScoredCompletion, score_completion
from tag_plugin.trace.claims import BOX_TAG
from tag_plugin.trace.grammar import (
    ARROW,
    ARROWS,
    GLOBAL_ANALYSIS,
    INSPECT,
    Defect,
    Inspection,
    Trace,
)
from tag_plugin.trace.reasoning import without_reasoning
from tag_plugin.trace.render import render_box

_ANSWER_BOX: Final = re.compile(r"<\|(?:begin|end)_of_box\|>")
"""What the GLM family puts around its answer."""
_UNIT = re.compile(r"AU\s?(\d{1,4})\b", re.IGNORECASE)
INSERTED_FRAME: Final = BoxFrame.RELATIVE
"""The frame of inserted boxes: the stored one, so that nothing is rounded."""


class Finding(StrEnum):
    """What came of an attempt."""

    KEPT = "kept"
    FORMAT = "format failure"
    PREDICTION = "wrong prediction"
    GROUNDING = "action units or boxes disagree with the detector"
    NO_REPLY = "no reply"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judge's scores of one reply, and what follows. `trace` is set when it is kept."""

    finding: Finding
    predicted: str | None = None
    format: float | None = None
    answer: float | None = None
    grounding: float | None = None
    complaints: tuple[str, ...] = ()
    trace: Trace | None = None


def judge_reply(
    reply: Reply, row: Row, options: LabelSet, settings: WriterSettings, judge: JudgeConfig
) -> Verdict:
    """Judge a reply to a question that left `options` open.

    Raises:
        ValueError: the row has no detections.
    """
    if row.detections is None:
        raise ValueError(f"row {row.id!r} has no detections")
    present = row.detections.on(judge.thresholds, judge.top_k)
    text, frame = _trace_text(reply.text), settings.box_frame
    surplus: tuple[int, ...] = ()
    if settings.mode == "insert":
        frame, (text, surplus) = INSERTED_FRAME, with_boxes(text, present)
    scored = score_completion(text, Reference(row.label, options, row.detections), frame, judge)
    disagreements = _disagreements(scored, present, surplus, settings.min_iou)
    finding = _finding(scored, reply, disagreements, settings)
    return Verdict(
        finding,
        scored.parsed.answer,
        scored.format,
        scored.answer,
        scored.grounding,
        _complaints(finding, scored, reply, disagreements, settings),
        _trace(scored, present) if finding is Finding.KEPT else None,
    )


def _trace_text(text: str) -> str:
    """The reply without the reasoning before the trace; reasoning around the trace stays."""
    rest = without_reasoning(text) or ""
    return _ANSWER_BOX.sub("", rest if GLOBAL_ANALYSIS.casefold() in rest.casefold() else text)


def _finding(
    scored: ScoredCompletion, reply: Reply, disagreements: list[str], settings: WriterSettings
) -> Finding:
    if scored.format != 1.0 or reply.finish == STOPPED_READING:
        return Finding.FORMAT
    if scored.answer != 1.0:
        return Finding.PREDICTION
    return Finding.GROUNDING if disagreements else Finding.KEPT


def _disagreements(
    scored: ScoredCompletion,
    present: Sequence[Detection],
    surplus: Sequence[int],
    min_iou: float,
) -> list[str]:
    """AUs inspected but not found, AUs found but not inspected, boxes in another place."""
    claims = scored.parsed.claims
    unpaired = {each.au for n, each in enumerate(claims) if each.au and n not in scored.overlaps}
    seen = {match.target for match in scored.matches}
    missing = [each.au for index, each in enumerate(present) if index not in seen]
    if not claims and not scored.parsed.nothing_visible:
        missing = []  # no loop at all: that is what is wrong
    return [
        *(f"AU{au} is not in the list, or inspected twice" for au in sorted({*unpaired, *surplus})),
        *(f"AU{au} is in the list but was not inspected" for au in dict.fromkeys(missing)),
        *(
            f"the box of AU{present[match.target].au} is not where it was found"
            for match in scored.matches
            if match.iou < min_iou
        ),
    ]


def _complaints(
    finding: Finding,
    scored: ScoredCompletion,
    reply: Reply,
    disagreements: list[str],
    settings: WriterSettings,
) -> tuple[str, ...]:
    if finding in (Finding.KEPT, Finding.PREDICTION):
        return ()
    words = {str(Defect.AU_WITHOUT_BOX): "an action unit line outside the format"}
    others = words if settings.mode == "insert" else {}
    defects = (others.get(str(defect), str(defect)) for defect in scored.parsed.defects)
    too_long = ["far too long"] if reply.finish == STOPPED_READING else []
    return tuple(dict.fromkeys((*defects, *too_long, *disagreements)))


def _trace(scored: ScoredCompletion, present: Sequence[Detection]) -> Trace:
    """The writer's words with the detector's own boxes."""
    boxes = {match.claim: present[match.target].box for match in scored.matches}
    return Trace(
        global_analysis=scored.parsed.global_analysis,
        inspections=tuple(
            Inspection(region=each.region, au=each.au, observation=each.observation, box=boxes[i])
            for i, each in enumerate(scored.parsed.claims)
            if each.au is not None and i in boxes
        ),
        answer=str(scored.parsed.answer),
    )


def with_boxes(text: str, present: Sequence[Detection]) -> tuple[str, tuple[int, ...]]:
    """Each `Inspect` line with the next box that was found for its AU, in the relative frame.

    A box that the writer gave is replaced. A line whose AU was not found, or was inspected before
    as often as it was found, gets none: the judge then says so.

    Returns:
        The text, and the AUs that were inspected though no box is left for them.
    """
    left: dict[int, list[Box]] = {}
    for detection in present:
        left.setdefault(detection.au, []).append(detection.box)
    surplus: list[int] = []
    completed = "\n".join(_completed(line, left, surplus) for line in text.splitlines())
    return completed, tuple(surplus)


def _completed(line: str, left: dict[int, list[Box]], surplus: list[int]) -> str:
    if not line.lstrip().startswith(INSPECT):
        return line
    prose = _without_box(line).rstrip()
    unit = _UNIT.search(prose)
    if unit is None:
        return prose
    au = int(unit[1])
    if not left.get(au):
        surplus.append(au)
        return prose
    return f"{prose} {ARROW} {render_box(left[au].pop(0), INSERTED_FRAME)}"


def _without_box(line: str) -> str:
    arrows = list(ARROWS.finditer(line))
    if arrows and BOX_TAG.search(line, arrows[-1].end()):
        return line[: arrows[-1].start()]
    return line
