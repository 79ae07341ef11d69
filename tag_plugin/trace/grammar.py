"""The TAG trace: its structure, its fixed phrases and the list of things that can be wrong.

    Global analysis: <text>
    Verification loop:
    Inspect <region> → AU4 (brow lowerer): <observation> → <bbox>[412,240,588,330]</bbox>
    Final conclusion: AU4 indicates a dominant emotion of anger.
    <answer>anger</answer>

One `Inspect` line an Action Unit, or the single line `No activated action unit is visible.`
"""

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from tag_plugin.facs.boxes import Box, StoredBox, iou
from tag_plugin.facs.detections import KnownUnit
from tag_plugin.facs.emotions import EMOTIONS
from tag_plugin.facs.frozen import Frozen
from tag_plugin.facs.places import is_place_of
from tag_plugin.trace.denial import denies_itself
from tag_plugin.trace.prose import Sentences, names_another, unclaimed_units

GLOBAL_ANALYSIS: Final = "Global analysis:"
VERIFICATION_LOOP: Final = "Verification loop:"
FINAL_CONCLUSION: Final = "Final conclusion:"
INSPECT: Final = "Inspect "
ARROW: Final = "→"
NOTHING_VISIBLE: Final = "No activated action unit is visible."
WHOLE_FACE: Final = "The face as a whole"
"""What a conclusion without an AU goes by."""
NOTHING_INDICATES: Final = "No activated action unit"
"""The same as it was written before, which reads as a denial; it is read still."""
INDICATE: Final = "a dominant emotion of"

DUPLICATE_IOU: Final = 0.5
"""Two boxes of one AU that overlap at least this much are the same claim twice."""

PLACES_OF_ONE_UNIT: Final = 20
"""So many different places of one AU are all that a face can show; more of them are repetition."""

LONGEST_OBSERVATION: Final = 400
"""Characters; about 70 words are more than a change of one part of a face needs."""
LONGEST_ANALYSIS: Final = 2_000
"""Characters of the global analysis."""

ARROWS = re.compile(r"→|->")


class Defect(StrEnum):
    """What can be wrong with a completion; a completion without defects is well formed."""

    MISSING_ANALYSIS = "missing global analysis"
    MISSING_LOOP = "missing verification loop"
    MISSING_CONCLUSION = "missing final conclusion"
    MISSING_ANSWER = "missing answer"
    MISPLACED_SECTION = "repeated section or wrong order"
    UNEXPECTED_TEXT = "text outside the grammar"
    EMPTY_TEXT = "empty text"
    EMPTY_LOOP = "empty verification loop"
    CONTRADICTORY_LOOP = "claims beside 'no activated action unit'"
    AU_WITHOUT_BOX = "action unit without box"
    BOX_WITHOUT_AU = "box without action unit"
    MALFORMED_BOX = "malformed box"
    REVERSED_BOX = "reversed box"
    OUT_OF_FRAME_BOX = "box out of frame"
    MISPLACED_BOX = "box outside the verification loop"
    BOX_AFTER_ANSWER = "box after the answer"
    UNKNOWN_AU = "unknown action unit"
    WRONG_AU_NAME = "action unit number and name disagree"
    NEGATED_CLAIM = "claim that denies itself"
    WRONG_REGION = "region that is not the action unit's"
    LONG_TEXT = "text too long"
    REPEATED_OBSERVATION = "same observation for different action units"
    DUPLICATE_CLAIM = "duplicate claim"
    SURPLUS_CLAIMS = "more claims than are judged"
    UNCLAIMED_UNIT = "action unit in the global analysis that the loop does not claim"
    OTHER_ANSWER = "global analysis names another answer"
    UNREADABLE_CONCLUSION = "unreadable conclusion"
    CONCLUSION_MISMATCH = "conclusion disagrees with the loop or the answer"
    UNKNOWN_LABEL = "unknown label"
    SEVERAL_ANSWERS = "several answers"
    MISPLACED_ANSWER = "answer before the conclusion"
    TEXT_AFTER_ANSWER = "text after the answer"
    TRUNCATED = "truncated"


WORDING: Final = frozenset({Defect.WRONG_REGION, Defect.LONG_TEXT, Defect.REPEATED_OBSERVATION})
"""Defects of a claim's words alone: whether its AU and its box are right, they do not decide."""


def text_problem(text: str) -> str | None:
    """Why `text` cannot stand as free text in a trace, or None when it can."""
    if not text or text != text.strip():
        return "empty, or with spaces around it"
    if not text.isprintable():
        return "more than one line, or unprintable characters"
    if ARROW in text or "<" in text or ">" in text:  # `->` has one as well
        return "arrows and angle brackets belong to the grammar"
    if not (text[0].isalpha() or any(map(str.isalpha, text))):
        return "no word in it"
    return None


def _free_text(text: str) -> str:
    if problem := text_problem(text):
        raise ValueError(f"{text[:80]!r}: {problem}")
    return text


FreeText = Annotated[str, AfterValidator(_free_text)]


class Inspection(Frozen):
    """One step of the verification loop: where to look, which AU, what is seen, and its box."""

    region: Annotated[FreeText, Field(max_length=LONGEST_OBSERVATION)]
    au: KnownUnit
    observation: Annotated[FreeText, Field(max_length=LONGEST_OBSERVATION)]
    box: StoredBox

    @model_validator(mode="after")
    def _sound(self) -> "Inspection":
        if denies_itself(self.observation):
            raise ValueError(f"AU{self.au}: the observation {self.observation!r} denies the AU")
        if not is_place_of(self.au, self.region):
            raise ValueError(f"AU{self.au}: {self.region!r} is not where it shows")
        return self


class Trace(Frozen):
    """A whole grounded chain of reasoning. The conclusion line follows from its parts.

    Raises:
        ValidationError: text that would break the grammar, an unknown AU or emotion, or the same
            claim twice.
    """

    global_analysis: Annotated[FreeText, Field(max_length=LONGEST_ANALYSIS)]
    inspections: tuple[Inspection, ...]
    answer: str

    @model_validator(mode="after")
    def _sound(self) -> "Trace":
        if self.answer not in EMOTIONS:
            raise ValueError(f"unknown emotion {self.answer!r}; known: {', '.join(EMOTIONS)}")
        places, sentences = ClaimedPlaces(), Sentences()
        for step in self.inspections:
            if places.repeats(step.au, step.box):
                raise ValueError(f"AU{step.au} is claimed twice in the same place")
            if sentences.repeats(step.au, step.observation):
                raise ValueError(f"AU{step.au}: {step.observation!r} was said of another AU")
            places.add(step.au, step.box)
        if unclaimed_units(self.global_analysis, {step.au for step in self.inspections}):
            raise ValueError("the global analysis names an AU that is not inspected")
        if names_another(self.global_analysis, self.answer):
            raise ValueError(f"the global analysis names another answer than {self.answer}")
        return self


def same_claim(au: int, box: Box, other_au: int, other_box: Box) -> bool:
    """Whether two claims point at the same place for the same AU."""
    return au == other_au and iou(box, other_box) >= DUPLICATE_IOU


class ClaimedPlaces:
    """Where each AU has been claimed so far; the work for one more claim is bounded."""

    def __init__(self) -> None:
        self._boxes: dict[int, list[Box]] = {}

    def repeats(self, au: int, box: Box) -> bool:
        """Whether this claim was made before, or its AU in too many places already."""
        boxes = self._boxes.get(au, ())
        too_many = len(boxes) >= PLACES_OF_ONE_UNIT
        return too_many or any(same_claim(au, box, au, other) for other in boxes)

    def add(self, au: int, box: Box) -> None:
        """Remember a claim."""
        self._boxes.setdefault(au, []).append(box)
