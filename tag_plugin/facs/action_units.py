"""The facial Action Units (AUs) that TAG reasons about.

Ids and names follow the Facial Action Coding System (Ekman, Friesen and Hager, *Facial Action
Coding System: The Manual*, 2002). `region` is the place a trace tells the reader to inspect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


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

ACTION_UNITS: Mapping[int, ActionUnit] = MappingProxyType({au.id: au for au in _TABLE})
"""Every known AU by its FACS number, in ascending order."""

NEARLY_SHARED_BOXES: Mapping[frozenset[int], float] = MappingProxyType(
    {
        frozenset(pair): overlap
        for *pair, overlap in (
            (5, 7, 0.55),
            (6, 7, 0.57),
            (6, 11, 0.65),
            (10, 12, 0.52),
            (12, 26, 0.53),
            (14, 15, 0.63),
            (14, 26, 0.54),
            (14, 27, 0.56),
            (15, 27, 0.69),
            (20, 22, 0.63),
            (20, 23, 0.63),
            (20, 24, 0.62),
            (20, 25, 0.63),
            (20, 27, 0.54),
            (22, 23, 1.00),
            (22, 25, 1.00),
            (23, 25, 1.00),
        )
    }
)
"""Pairs of AUs whose boxes cannot be told apart by place alone, and their mean IoU.

Measured on real faces with the regions of `tag_plugin.detectors.regions`: every pair of a mean IoU
of 0.5 or more, where a box put on one AU is right on the other, too. Pairs of AUs that MediaPipe
supports on 30,262 FERPlus faces, pairs with AU6, AU11, AU14, AU22 and AU23 on 785 of them. The
next ones are 14-24 (0.49), 1-2 (0.48) and 15-20 (0.46); 12-15 (0.15) and 26-27 (0.34) only look
alike by name. Other detectors' boxes overlap in their own way.
"""


def action_unit(au_id: int) -> ActionUnit:
    """The Action Unit with this FACS number.

    Raises:
        ValueError: the number is not in the table; the message lists the known ones.
    """
    try:
        return ACTION_UNITS[au_id]
    except KeyError:
        known = ", ".join(str(known_id) for known_id in ACTION_UNITS)
        raise ValueError(f"AU{au_id} is not a known Action Unit; known: {known}") from None


def nearly_share_a_box(first: int, second: int) -> bool:
    """Whether two different AUs sit in (almost) the same place of the face.

    >>> nearly_share_a_box(15, 27), nearly_share_a_box(12, 15)
    (True, False)
    """
    return frozenset({first, second}) in NEARLY_SHARED_BOXES
