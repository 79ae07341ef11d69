"""The one prompt: data writing, SFT, RL and evaluation all ask the model exactly this."""

import hashlib

from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME, BoxFrame
from tag_plugin.facs.emotions import LabelSet

_COORDINATES = {
    BoxFrame.RELATIVE: f"relative coordinates from 0 to {BOX_SCALE}",
    BoxFrame.ABSOLUTE: f"pixel coordinates of the {FACE_FRAME}x{FACE_FRAME} image",
}

_GROUNDED = """\
Recognise the facial expression in the image. Verify it with facial Action Units (AUs): for each \
activated AU name the region to inspect, the AU, what is visible there and its bounding box in \
{coordinates}. If none is activated, write: No activated action unit is visible.
Answer with one of: {labels}.
Use this format:
Global analysis: <the face as a whole>
Verification loop:
Inspect <region> → AU<number> (<name>): <observation> → <bbox>[x1,y1,x2,y2]</bbox>
Final conclusion: AU<number> + AU<number> indicate a dominant emotion of <emotion>.
<answer><emotion></answer>"""

_LABEL_ONLY = """\
Recognise the facial expression in the image.
Answer with one of: {labels}.
Use this format:
<answer><emotion></answer>"""


def grounded_prompt(labels: LabelSet, frame: BoxFrame) -> str:
    """The user's text of a TAG sample; the image comes right before it, there is no system text."""
    return _GROUNDED.format(coordinates=_COORDINATES[frame], labels=", ".join(labels.labels))


def label_only_prompt(labels: LabelSet) -> str:
    """The ablation's question: the same image, only the answer."""
    return _LABEL_ONLY.format(labels=", ".join(labels.labels))


def prompt_hash(prompt: str) -> str:
    """The first 12 hexadecimal digits of the prompt's SHA-256, stated beside every result."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:12]
