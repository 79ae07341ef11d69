"""Trace -> text, in the box frame of the model that will read or write it."""

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import Box, BoxFrame, to_frame
from tag_plugin.trace.grammar import (
    ARROW,
    FINAL_CONCLUSION,
    GLOBAL_ANALYSIS,
    INDICATE,
    INSPECT,
    NOTHING_VISIBLE,
    VERIFICATION_LOOP,
    WHOLE_FACE,
    Inspection,
    Trace,
)


def render(trace: Trace, frame: BoxFrame = BoxFrame.RELATIVE) -> str:
    """The trace as the model writes it; `parse` reads it back without a defect."""
    return "\n".join(
        (
            f"{GLOBAL_ANALYSIS} {trace.global_analysis}",
            VERIFICATION_LOOP,
            *([_step(step, frame) for step in trace.inspections] or [NOTHING_VISIBLE]),
            f"{FINAL_CONCLUSION} {conclusion([s.au for s in trace.inspections], trace.answer)}",
            render_answer(trace.answer),
        )
    )


def render_box(box: Box, frame: BoxFrame) -> str:
    """`<bbox>[x1,y1,x2,y2]</bbox>` in the coordinates and the order of the frame."""
    numbers = (f"{value:.{frame.decimals}f}" for value in to_frame(box, frame))
    return f"<bbox>[{','.join(numbers)}]</bbox>"


def render_answer(label: str) -> str:
    """`<answer>label</answer>`."""
    return f"<answer>{label}</answer>"


def conclusion(action_units: list[int], answer: str) -> str:
    """The sentence that follows from the inspected AUs and the answer.

    >>> conclusion([4, 15], "sadness")
    'AU4 + AU15 indicate a dominant emotion of sadness.'
    >>> conclusion([], "neutral")
    'The face as a whole indicates a dominant emotion of neutral.'
    """
    unique = list(dict.fromkeys(action_units))
    subject = " + ".join(f"AU{au}" for au in unique) or WHOLE_FACE
    verb = "indicate" if len(unique) > 1 else "indicates"
    return f"{subject} {verb} {INDICATE} {answer}."


def _step(step: Inspection, frame: BoxFrame) -> str:
    unit = action_unit(step.au)
    return (
        f"{INSPECT}{step.region} {ARROW} {unit.code} ({unit.name}): {step.observation}"
        f" {ARROW} {render_box(step.box, frame)}"
    )
