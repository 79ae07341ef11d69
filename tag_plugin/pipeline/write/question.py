"""The writer's question: the one prompt, what the detector found, and what was wrong before."""

from collections.abc import Sequence
from typing import Final

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.detections import Detection
from tag_plugin.facs.emotions import LABEL_SETS, LabelSet
from tag_plugin.pipeline.write.settings import Mode
from tag_plugin.trace.prompt import grounded_prompt, prompt_hash
from tag_plugin.trace.render import render_box

FOUND: Final = "An AU detector found these activated AUs in the image:"
FOUND_NONE: Final = "An AU detector found no activated AU in the image."
INSPECT_THESE: Final = (
    "Inspect each of them once and no other AU, with exactly this number and name. Describe only "
    "what is visible; do not mention the detector. The answer must follow from what you see."
)
BOXES: Final = {
    "insert": "Leave the boxes out: end each line after the observation; they are added later.",
    "verify": "Give the box of each AU as you see it.",
}
REJECTED: Final = "An earlier answer was rejected: {complaints}. Follow the format exactly."


def question(
    options: LabelSet,
    frame: BoxFrame,
    mode: Mode,
    present: Sequence[Detection],
    complaints: Sequence[str] = (),
) -> str:
    """The user's text; the image comes right before it.

    Args:
        options: the labels that are still open.
        frame: the coordinates that the writer's boxes are in.
        mode: who gives the boxes of the trace.
        present: the top-K activated AUs.
        complaints: what was wrong with the answer before; only our own words, never a reply's.
    """
    rejected = [REJECTED.format(complaints="; ".join(complaints))] if complaints else []
    return "\n\n".join((grounded_prompt(options, frame), _found(frame, mode, present), *rejected))


def wording(frame: BoxFrame, mode: Mode) -> str:
    """The hash of the question's fixed words, stated in the manifest."""
    fixed = (FOUND, FOUND_NONE, INSPECT_THESE, BOXES[mode], REJECTED)
    return prompt_hash("\n".join((grounded_prompt(LABEL_SETS["ferplus"], frame), *fixed)))


def _found(frame: BoxFrame, mode: Mode, present: Sequence[Detection]) -> str:
    if not present:
        return FOUND_NONE
    listed = (
        f"- {unit.code} ({unit.name}), {unit.region}: {render_box(detection.box, frame)}"
        for detection, unit in ((each, action_unit(each.au)) for each in present)
    )
    return "\n".join((FOUND, *listed, INSPECT_THESE, BOXES[mode]))
