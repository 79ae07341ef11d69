"""What each Action Unit moves, in the words that people use for it.

Written from the descriptions of appearance changes in FACS (Ekman, Friesen and Hager, 2002), before
any sentence of the test lists was collected. It is generous: it tells whether a text speaks of what
the AU moves at all, and not whether it describes it well.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tag_plugin.facs.places import names_a_part

_BROW = "brow|forehead|glabella|frontalis|corrugator|eye cover fold"
_EYE = r"\beye(?!brow)|\blids?\b|\biris|sclera|palpebral|oculi"
_CORNER = "corner|commissure"
_LIP = r"\blips?\b|mouth"
_UP = r"rais|lift|elevat|\bris(?:e|es|en|ing)\b|\brose\b|\bup(?:wards?)?\b|upturn|high"
_DOWN = r"\bdown|lower(?:s|ed|ing)\b|drop|droop|\bsag|depress|\bfall|\bsink"


@dataclass(frozen=True, slots=True)
class Appearance:
    """Words of an AU: a part of the face (`part`) beside a change of it (`change`), or a `sign`.

    `other` are words that turn it into another AU where they stand without one of `own`.
    """

    part: re.Pattern[str]
    change: re.Pattern[str]
    sign: re.Pattern[str] | None = None
    other: re.Pattern[str] | None = None
    own: re.Pattern[str] | None = None

    def spoken_of(self, text: str) -> bool:
        """Whether a text speaks of this change."""
        text = text.casefold()
        if self.other and self.other.search(text) and not (self.own and self.own.search(text)):
            return False
        if self.sign and self.sign.search(text):
            return True
        return bool(self.part.search(text) and self.change.search(text))


def _appearance(
    part: str, change: str, *, sign: str = "", other: str = "", own: str = ""
) -> Appearance:
    patterns = (re.compile(words) if words else None for words in (sign, other, own))
    return Appearance(re.compile(part), re.compile(change), *patterns)


APPEARANCES: Final[Mapping[int, Appearance]] = {
    1: _appearance(
        _BROW,
        rf"{_UP}|arch|oblique|slant|slop|peak|wrinkl|creas|horizontal|worr",
        other="outer|lateral",
        own="inner|medial|cent(?:er|re)|middle|whole|entire|both",
    ),
    2: _appearance(
        _BROW,
        rf"{_UP}|arch|curv|wrinkl|creas|horizontal",
        other="inner|medial",
        own="outer|lateral|whole|entire|both|tail|end",
    ),
    4: _appearance(
        _BROW,
        rf"{_DOWN}|draw|together|furrow|knit|frown|pull|creas|wrinkl|contract|squeez|pinch|bunch|"
        "scowl|vertical|tens|inward|converg|closer|heavy|gather|narrow|angr|slant",
        sign=r"\bfrown(?:s|ed|ing)?\b(?! on (?:the|his|her) (?:lip|mouth))|scowl",
        other=rf"{_LIP}|{_CORNER}",
        own=_BROW,
    ),
    5: _appearance(
        _EYE,
        rf"{_UP}|wide|widen|open|expos|show|visible|star(?:e|ing)|bulg|enlarg|retract|pull|big|"
        r"round|glar|white|pop|alert",
        other="tight|narrow|squint|clos|squeez|half",
        own="wide|upper",
    ),
    6: _appearance(
        rf"cheek|malar|infraorbital|crow|{_EYE}",
        rf"{_UP}|push|bunch|crow|crinkl|wrinkl|bulg|puff|round|squint|narrow|gather|compress|creas|"
        "full|plump|apple|pouch|bag|squeez|fold",
        sign="crow.?s.?(?:feet|foot)|duchenne",
        other="wide(?! smile)|widen|upper (?:eye)?lid",
        own="cheek|crow|crinkl",
    ),
    7: _appearance(
        _EYE,
        r"tight|tens|narrow|squint|squeez|strain|slit|\bclos(?:e|ed|es|ing)\b|contract|compress|half|"
        r"partial|partly|hard|press|glar|focus|lower (?:eye)?lids?.*(?:rais|up|lift)|"
        r"rais\w* (?:\w+ )?lower (?:eye)?lid|small|reduc|crinkl|pinch",
    ),
    9: _appearance(
        r"\bnose|nostril|\bnasal\b|nasalis",
        rf"{_UP}|wrinkl|crinkl|scrunch|bunch|furrow|creas|pull|flar|curl|sneer|crunch|contract|"
        r"screw|tens|line",
    ),
    10: _appearance(
        r"(?:upper|top)\W(?:\w+ )?lip|levator labii",
        rf"{_UP}|curl|pull|expos|show|square|arch|bend|tens|draw",
        sign=r"\bsneer|\bsnarl|\bgums?\b|upper teeth",
    ),
    11: _appearance(
        r"naso\W?labial|(?:smile|laugh) lines?|\bfold|\bfurrow|(?:next to|beside|from) the nose",
        r"deep|pronounc|visible|promin|accent|strength|mark|appear|form|strong|sharp|clear|creas|"
        rf"line|defin|distinct|{_UP}|nose|midd?le",
        other=_BROW,
        own=r"naso\W?labial|smile line|laugh line",
    ),
    12: _appearance(
        rf"{_CORNER}",
        rf"{_UP}|oblique|back|curv|curl|pull|outward|toward|draw|stretch|widen|turn",
        sign=(
            rf"smil|\bgrin|\blaugh|\bbeam|zygomatic|(?:{_LIP}).*(?:\bup\b|\bupward|\bupturn|"
            r"oblique)|(?:upturn|upward)\w* (?:\w+ )?(?:mouth|lip)"
        ),
        other=rf"\bdown|droop|depress|\bsag|upper lip|tight|dimpl|frown|inward|{_BROW}|lower lip",
        own=r"smil|\bgrin|laugh|\bcorners?\b.*\bup|\bcorners?\b.*(?:rais|lift)",
    ),
    14: _appearance(
        rf"{_CORNER}|{_LIP}|cheek",
        r"tight|inward|\bin\b|pinch|tuck|squeez|suck|compress|smirk|dent|hollow|contract|buccinator",
        sign="dimpl|smirk|buccinator",
    ),
    15: _appearance(
        rf"{_CORNER}|{_LIP}",
        r"\bdown|droop|depress|\bsag|frown|invert|\bdrop(?!\w* open)|lower(?:s|ed|ing)\b|\bfall|"
        r"\bsink|\bsad",
        other=r"\bopen|\bjaw|\bapart|\bbrow|eyebrow",
        own=_CORNER,
    ),
    17: _appearance(
        r"\bchin\b|mental|lower lip|bottom lip",
        rf"{_UP}|push|wrinkl|boss|dimpl|pucker|bunch|bulg|cobble|pout|protrud|creas|tens|tight|"
        "orange|contract|thrust|jut|pebbl|crumpl|flatten",
        sign=r"\bpout",
        other="drop|hang|slack|part",
        own="chin|mentalis",
    ),
    20: _appearance(
        rf"{_LIP}|{_CORNER}",
        r"stretch|sideway|lateral|horizontal|taut|\bwide(?!ly)|widen|flat|elongat|back|outward|"
        r"straight|grimac|\bears?\b|to (?:the|each|both) sides?|apart sideways|tens",
        other=r"vertical|smil|grin|wide open|open wide",
        own="horizontal|lateral|sideway",
    ),
    22: _appearance(
        _LIP,
        r"funnel|round|protrud|push|forward|\bout\b|outward|flar|pucker|purs|\bo\W?shape|kiss|"
        "trumpet|pout|everted?|turned out|circ",
    ),
    23: _appearance(
        _LIP,
        r"tight|narrow|thin|tens|press|roll|firm|compress|taut|purs|constrict|inward|squeez|hard|"
        "contract|pull\\w* in|tuck",
    ),
    24: _appearance(
        _LIP,
        r"press|compress|together|tight|thin|firm|clamp|squeez|clench|flat|purs|\bline|seal|narrow|"
        "pinch|push",
    ),
    25: _appearance(
        rf"{_LIP}|teeth|tooth",
        r"\bpart(?:s|ed|ing|ly)?\b|apart|open|separat|expos|show|\bgap|visible|reveal|unseal|agape|"
        "ajar|space",
    ),
    26: _appearance(
        r"\bjaw|mouth|mandible|teeth|\bchin\b",
        rf"{_DOWN}|open|hang|slack|agape|\bgap|apart|relax|part(?:s|ed)|ajar|loose",
        other=rf"{_CORNER}|frown",
        own=r"\bjaw|mandible|open|agape|teeth",
    ),
    27: _appearance(
        r"\bjaw|mouth|\blips?\b",
        r"stretch\w* (?:\w+ )?(?:open|wide|down|vertical)|\bwide|open|gaping|agape|yawn|scream|"
        r"vertical|far (?:apart|down|open)|extreme|drop|pull\w* down|stretch",
        other=r"horizontal|lateral|sideway|smil|grin|\bcorner",
        own=r"\bopen|vertical|\bjaw|yawn|scream|agape|gaping",
    ),
}
"""AU id -> how it is spoken of."""


def speaks_of(au: int, observation: str, region: str = "") -> bool:
    """Whether an observation speaks of what this AU moves.

    `region` is where it was made, for one that names no part of the face itself.

    >>> speaks_of(12, "the corners of the mouth are turned up"), speaks_of(12, "wide open eyes")
    (True, False)
    >>> speaks_of(4, "drawn together", "brows")
    True
    """
    text = observation if names_a_part(observation) else f"{region}: {observation}"
    return APPEARANCES[au].spoken_of(text)
