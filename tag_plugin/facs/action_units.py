"""The facial Action Units (AUs) that TAG reasons about.

Ids and names follow the Facial Action Coding System (Ekman, Friesen and Hager, *Facial Action
Coding System: The Manual*, 2002). `region` is the place a trace tells the reader to inspect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One Action Unit: its FACS number, its FACS name and the face region where it shows."""

    id: int
    name: str
    region: str

    @property
    def code(self) -> str:
        """The usual short form, for example `AU4`."""
        return f"AU{self.id}"


_TABLE = (
    ActionUnit(1, "inner brow raiser", "inner brows"),
    ActionUnit(2, "outer brow raiser", "outer brows"),
    ActionUnit(4, "brow lowerer", "brows"),
    ActionUnit(5, "upper lid raiser", "upper eyelids"),
    ActionUnit(6, "cheek raiser", "cheeks"),
    ActionUnit(7, "lid tightener", "eyelids"),
    ActionUnit(9, "nose wrinkler", "nose"),
    ActionUnit(10, "upper lip raiser", "upper lip"),
    ActionUnit(11, "nasolabial deepener", "nasolabial folds"),
    ActionUnit(12, "lip corner puller", "lip corners"),
    ActionUnit(14, "dimpler", "mouth corners"),
    ActionUnit(15, "lip corner depressor", "lip corners"),
    ActionUnit(17, "chin raiser", "chin"),
    ActionUnit(20, "lip stretcher", "mouth"),
    ActionUnit(22, "lip funneler", "lips"),
    ActionUnit(23, "lip tightener", "lips"),
    ActionUnit(24, "lip pressor", "lips"),
    ActionUnit(25, "lips part", "lips"),
    ActionUnit(26, "jaw drop", "jaw"),
    ActionUnit(27, "mouth stretch", "mouth and jaw"),
)

ACTION_UNITS: Final[Mapping[int, ActionUnit]] = {au.id: au for au in _TABLE}
"""Every known AU by its FACS number, in ascending order."""


def action_unit(au_id: int) -> ActionUnit:
    """The Action Unit with this FACS number.

    Raises:
        ValueError: the number is not in the table; the message lists the known ones.
    """
    if au_id not in ACTION_UNITS:
        numbers = ", ".join(map(str, ACTION_UNITS))
        raise ValueError(f"AU{au_id} is not a known Action Unit; known: {numbers}")
    return ACTION_UNITS[au_id]
