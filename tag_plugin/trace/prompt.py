"""The one place for questions: data writing, SFT, RL and evaluation ask the model exactly these."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME, BoxFrame
from tag_plugin.facs.emotions import LabelSet


class Style(StrEnum):
    """How a face is asked about.

    `grounded`, the method's own question: Action Units with boxes, then the answer. `direct`: the
    answer only, for baselines, untuned models and the label-only ablation. `cot`: free reasoning
    without boxes, then the answer.
    """

    GROUNDED = "grounded"
    DIRECT = "direct"
    COT = "cot"


_COORDINATES = {
    BoxFrame.RELATIVE: f"relative coordinates from 0 to {BOX_SCALE}",
    BoxFrame.ABSOLUTE: f"pixel coordinates of the {FACE_FRAME}x{FACE_FRAME} image",
    BoxFrame.FRACTION: "fractions of the image from 0 to 1 with three decimals",
}

_QUESTIONS: Final[Mapping[Style, str]] = {
    Style.GROUNDED: """\
Recognise the facial expression in the image. Verify it with facial Action Units (AUs): for each \
activated AU name the region to inspect, the AU, what is visible there and its bounding box in \
{coordinates}. If none is activated, write: No activated action unit is visible.
Answer with one of: {labels}.
Use this format:
Global analysis: <the face as a whole>
Verification loop:
Inspect <region> → AU<number> (<name>): <observation> → <bbox>[{order}]</bbox>
Final conclusion: AU<number> + AU<number> indicate a dominant emotion of <emotion>.
<answer><emotion></answer>""",
    Style.DIRECT: """\
Recognise the facial expression in the image.
Answer with one of: {labels}.
Use this format:
<answer><emotion></answer>""",
    Style.COT: """\
Recognise the facial expression in the image.
First describe what is visible in the face and reason step by step. Then answer, on the last line, \
with one of: {labels}.
Use this format:
<your reasoning>
<answer><emotion></answer>""",
}


def question_prompt(style: Style, labels: LabelSet, frame: BoxFrame) -> str:
    """The user's text in this style; `frame` matters to the grounded one only."""
    return _QUESTIONS[style].format(
        coordinates=_COORDINATES[frame.x_first],
        order="y1,x1,y2,x2" if frame.y_first else "x1,y1,x2,y2",
        labels=", ".join(labels.labels),
    )


def grounded_prompt(labels: LabelSet, frame: BoxFrame) -> str:
    """The user's text of a TAG sample; the image comes right before it, there is no system text."""
    return question_prompt(Style.GROUNDED, labels, frame)


def label_only_prompt(labels: LabelSet) -> str:
    """The direct question, and the ablation's: the same image, only the answer."""
    return question_prompt(Style.DIRECT, labels, BoxFrame.RELATIVE)


def prompt_hash(prompt: str) -> str:
    """The first 12 hexadecimal digits of the prompt's SHA-256, stated beside every result."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:12]
