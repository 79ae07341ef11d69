"""Reading one line of the verification loop: which Action Unit it claims, and where."""

import re
from dataclasses import dataclass, replace

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, BoxError, BoxFrame, BoxProblem, StoredBox, from_frame
from tag_plugin.facs.detections import KnownUnit
from tag_plugin.facs.places import is_place_of
from tag_plugin.trace.denial import denies_itself
from tag_plugin.trace.grammar import (
    ARROWS,
    INSPECT,
    LONGEST_OBSERVATION,
    WORDING,
    Defect,
    text_problem,
)

# Only ASCII digits are numbers. No two quantifiers over the same characters stand side by side, so
# that a line is read in time that grows linearly with its length, whatever it holds.
_NUMBER = r"\s*([-+]?[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*"
_BOX = re.compile(rf"<bbox>\s*\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]\s*</bbox>", re.IGNORECASE)
_UNIT = re.compile(
    r"\s*AU\s?([0-9]{1,4})\s*(?:\(([^()]{0,80})\)\s*)?:(.*)", re.IGNORECASE | re.DOTALL
)
BOX_TAG = re.compile(r"<bbox>", re.IGNORECASE)
AU_MENTION = re.compile(r"\bAU\s?[0-9]", re.IGNORECASE)

_BOX_DEFECTS = {
    BoxProblem.MALFORMED: Defect.MALFORMED_BOX,
    BoxProblem.REVERSED: Defect.REVERSED_BOX,
    BoxProblem.OUT_OF_FRAME: Defect.OUT_OF_FRAME_BOX,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One claimed Action Unit. With a defect it still counts as a claim, but cannot be right.

    Except for defects of its wording (`WORDING`): AU and box may be right all the same.
    `defects` are names of `Defect`; a file may hold some that another version knows.
    """

    au: KnownUnit | None = None
    box: StoredBox | None = None
    region: str = ""
    observation: str = ""
    defects: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether the claim may be matched with a detection."""
        sound = not self.defects or WORDING.issuperset(self.defects)
        return sound and self.au is not None and self.box is not None


def with_defect(claim: Claim, defect: Defect) -> Claim:
    """The claim with one more defect."""
    return replace(claim, defects=(*claim.defects, defect))


def read_claims(line: str, frame: BoxFrame) -> list[Claim]:
    """The claims of one loop line: exactly one when well formed, one more for every extra box.

    A line without AU and box yields none.
    """
    boxes = len(BOX_TAG.findall(line))
    if not boxes and not AU_MENTION.search(line):
        return []
    surplus = [Claim(defects=(Defect.BOX_WITHOUT_AU,))] * (boxes - 1)
    return [_read_claim(line, frame), *surplus]


def _read_claim(line: str, frame: BoxFrame) -> Claim:
    parts = ARROWS.split(line)
    box, box_defect = _read_box(parts[-1], frame)
    unit = _UNIT.fullmatch(parts[1]) if len(parts) == 3 else None
    if unit is None or not line.startswith(INSPECT):
        shapeless = box_defect or Defect.UNEXPECTED_TEXT
        defect = shapeless if AU_MENTION.search(line) else Defect.BOX_WITHOUT_AU
        return Claim(box=box, defects=(defect,))
    region, observation = parts[0][len(INSPECT) :].strip(), unit[3].strip()
    au, defects = _read_unit(int(unit[1]), unit[2])
    defects += _read_words(au, region, observation)
    if box_defect:
        defects.append(box_defect)
    return Claim(au, box, region, observation, tuple(defects))


def _read_words(au: int | None, region: str, observation: str) -> list[Defect]:
    """What is wrong with the words of a claim; what is too long is not read any further."""
    defects = []
    if text_problem(region) or text_problem(observation):
        empty = not (region and observation)
        defects.append(Defect.EMPTY_TEXT if empty else Defect.UNEXPECTED_TEXT)
    if len(region) > LONGEST_OBSERVATION or len(observation) > LONGEST_OBSERVATION:
        return [*defects, Defect.LONG_TEXT]
    if denies_itself(observation):
        defects.append(Defect.NEGATED_CLAIM)
    if au is not None and not is_place_of(au, region):
        defects.append(Defect.WRONG_REGION)
    return defects


def _read_unit(number: int, name: str | None) -> tuple[int | None, list[Defect]]:
    unit = ACTION_UNITS.get(number)
    if unit is None:
        return None, [Defect.UNKNOWN_AU]
    right = name is not None and name.strip().casefold() == unit.name
    return unit.id, [] if right else [Defect.WRONG_AU_NAME]


def _read_box(text: str, frame: BoxFrame) -> tuple[Box | None, Defect | None]:
    if not BOX_TAG.search(text):
        return None, Defect.AU_WITHOUT_BOX
    numbers = _BOX.fullmatch(text.strip())
    if numbers is None:
        return None, Defect.MALFORMED_BOX
    try:
        return from_frame([float(value) for value in numbers.groups()], frame), None
    except BoxError as error:
        return None, _BOX_DEFECTS[error.problem]
