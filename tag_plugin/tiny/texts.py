"""The texts of the tiny model: what its tokenizer keeps whole, and the pointing questions.

The base learns to point at facial parts, as its large relatives learnt to point at objects. It
never reads a trace, an Action Unit or an emotion before it is fine-tuned.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import GRIDS, Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.facs.emotions import EMOTIONS, LABEL_SETS
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.trace.grammar import FINAL_CONCLUSION, NOTHING_INDICATES, WHOLE_FACE
from tag_plugin.trace.prompt import grounded_prompt, label_only_prompt
from tag_plugin.trace.render import render, render_box

FRAME: Final = BoxFrame.ABSOLUTE
"""Qwen2.5-VL's architecture writes pixels of the frame."""

PARTS: Final[Mapping[str, int]] = {
    "inner brows": 1,
    "outer brows": 2,
    "brows": 4,
    "upper eyelids": 5,
    "cheeks": 6,
    "eyelids": 7,
    "nose": 9,
    "upper lip": 10,
    "lip corners": 12,
    "mouth": 20,
    "lips": 25,
    "chin": 17,
    "jaw": 26,
    "mouth and jaw": 27,
}
"""Facial part -> the AU whose region it is, whether the AU acts or not."""

QUESTION: Final = "Point to parts of the face."
_WORDINGS: Final = 12


def pointing_answer(parts: Sequence[str], boxes: Sequence[Box]) -> str:
    """One line a part: its name and its box."""
    return "\n".join(
        f"Point to {part} → {render_box(box, FRAME)}"
        for part, box in zip(parts, boxes, strict=True)
    )


_LABEL_SETS: Final = ("rafdb", "ferplus", "affectnet7", "affectnet8", "synth")
"""Those that the shipped base's vocabulary knows; a further one would make another tokenizer."""


def tokenizer_texts() -> Iterator[str]:
    """Every phrase of the prompts, the rule-written traces and the pointing texts."""
    for labels in map(LABEL_SETS.__getitem__, _LABEL_SETS):
        for frame in GRIDS:
            yield grounded_prompt(labels, frame)
        yield label_only_prompt(labels)
    yield QUESTION
    for part in PARTS:
        yield f"Point to {part} → <bbox>[0,0,1,1]</bbox>"
    for au, number in product(ACTION_UNITS, range(_WORDINGS)):
        yield _trace((au,), EMOTIONS[number % len(EMOTIONS)], number)
    several = ((), (1, 2), (4, 12), (15, 17))
    for (number, emotion), active in product(enumerate(EMOTIONS), several):
        yield _trace(active, emotion, number)
        yield _trace(active, emotion, number + len(EMOTIONS))


def _trace(active: tuple[int, ...], emotion: str, seed: int) -> str:
    placed = tuple(Detection(au=au, probability=1.0, box=Box(0, 0, 9, 9)) for au in active)
    detections = Detections(detections=placed, supported=frozenset(ACTION_UNITS))
    # The words that the shipped base's vocabulary knows: others would make another tokenizer.
    written = write_trace("happiness" if active else "neutral", detections, seed)
    text = render(written.model_copy(update={"answer": emotion}), FRAME)
    return text.replace(
        f"{FINAL_CONCLUSION} {WHOLE_FACE}", f"{FINAL_CONCLUSION} {NOTHING_INDICATES}"
    )
