"""What makes a run's numbers doubtful; each alarm is one message with the next command."""

from collections.abc import Sequence
from typing import Final

from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME, BoxFrame
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.trace.grammar import Defect
from tag_plugin.trace.reasoning import without_reasoning

OUT_OF_FRAME_SHARE: Final = 0.2
TRUNCATED_SHARE: Final = 0.05
_PIXELS_AT_LEAST: Final = 50
"""So many readable boxes say that a model writes pixels where 0..1000 was declared."""


def alarms(samples: Sequence[JudgedSample]) -> list[str]:
    """The messages about one task's samples."""
    judged = [sample for sample in samples if sample.failed is None]
    checks = (_empty, _without_detections, _wrong_frame, _truncated) if judged else ()
    found = [_failed(samples), *(check(judged) for check in checks)]
    return [message for message in found if message is not None]


def _failed(samples: Sequence[JudgedSample]) -> str | None:
    failed = [sample for sample in samples if sample.failed is not None]
    return (
        f"{len(failed)} of {len(samples)} requests failed and are not judged (the first: "
        f"{failed[0].id}: {failed[0].failed}): these are not the numbers of the whole test "
        "set; next: run it again (--use_cache DIR asks only what has no answer yet)"
        if failed
        else None
    )


def without_answer(samples: Sequence[JudgedSample]) -> list[JudgedSample]:
    """The judged samples whose reply is empty, or holds reasoning and nothing after it."""
    judged = (sample for sample in samples if sample.failed is None)
    return [each for each in judged if not (without_reasoning(each.completion) or "").strip()]


def _empty(judged: Sequence[JudgedSample]) -> str | None:
    empty = without_answer(judged)
    return (
        f"{len(empty)} of {len(judged)} replies are empty, or reasoning without an answer (the "
        f"first: {empty[0].id}), and count as unparsable; next: evaluate again with "
        "--gen_kwargs max_new_tokens=N, larger than now, if the model was cut off"
        if empty
        else None
    )


def _without_detections(samples: Sequence[JudgedSample]) -> str | None:
    asked = [sample for sample in samples if sample.style == "grounded"]
    return (
        "the rows hold no detections, so the grounding metrics are absent; next: "
        f"tag-plugin detect $TAG_DATA_DIR/{asked[0].dataset}"
        if asked and all(sample.verdict.targets is None for sample in asked)
        else None
    )


def _wrong_frame(samples: Sequence[JudgedSample]) -> str | None:
    outside = [s for s in samples if Defect.OUT_OF_FRAME_BOX in s.verdict.parsed.defects]
    if len(outside) > OUT_OF_FRAME_SHARE * len(samples):
        return (
            f"{len(outside)} of {len(samples)} completions have boxes beyond the "
            f"{samples[0].frame} frame (the first: {outside[0].id}): the model probably writes "
            f"another frame; next: export TAG_BOX_FRAME={_other(samples[0].frame)} and evaluate "
            "again, or mend box_frame in the checkpoint's tag_plugin.json"
        )
    return (
        f"no box reaches beyond {FACE_FRAME} of {BOX_SCALE}: the model probably writes pixels "
        "of the face frame; next: export TAG_BOX_FRAME=absolute and evaluate again, or mend "
        "box_frame in the checkpoint's tag_plugin.json"
        if _writes_pixels(samples)
        else None
    )


def _other(frame: BoxFrame) -> BoxFrame:
    return BoxFrame.ABSOLUTE if frame.x_first is BoxFrame.RELATIVE else BoxFrame.RELATIVE


def _writes_pixels(samples: Sequence[JudgedSample]) -> bool:
    boxes = [claim.box for sample in samples for claim in sample.claims if claim.box]
    farthest = max((max(box.as_tuple()) for box in boxes), default=BOX_SCALE)
    enough = len(boxes) >= _PIXELS_AT_LEAST and farthest <= FACE_FRAME
    return enough and samples[0].frame is BoxFrame.RELATIVE


def _truncated(samples: Sequence[JudgedSample]) -> str | None:
    cut = [sample for sample in samples if Defect.TRUNCATED in sample.verdict.parsed.defects]
    return (
        f"{len(cut)} of {len(samples)} completions are cut off (the first: {cut[0].id}); next: "
        "evaluate again with --gen_kwargs max_new_tokens=N, larger than now"
        if len(cut) > TRUNCATED_SHARE * len(samples)
        else None
    )
