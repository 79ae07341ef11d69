"""One colour an Action Unit, the same in every picture.

The twenty colours were chosen to lie far apart in CIEDE2000 for usual vision and for the two
common kinds of colour blindness (red and green), those of AUs that are often on together farthest.
"""

from collections.abc import Mapping
from typing import Final

AU_COLOURS: Final[Mapping[int, str]] = {
    1: "#034e01",
    2: "#67217c",
    4: "#b2eabc",
    5: "#f7de00",
    6: "#ffac81",
    7: "#870045",
    9: "#5d70fe",
    10: "#d39d07",
    11: "#e78c99",
    12: "#0038ff",
    14: "#7c935d",
    15: "#9d4586",
    17: "#7dedff",
    20: "#e7559f",
    22: "#188163",
    23: "#88473f",
    24: "#27a7b9",
    25: "#887006",
    26: "#b0abf7",
    27: "#38d7c1",
}
UNKNOWN_AU_COLOUR: Final = "#777777"


def au_colour(au: int | None) -> str:
    """The colour of an AU; grey where it is not known which one.

    >>> au_colour(12), au_colour(None)
    ('#0038ff', '#777777')
    """
    return UNKNOWN_AU_COLOUR if au is None else AU_COLOURS[au]
