"""Which words name the place of each Action Unit, as a trace may call it.

The lists are generous: whoever looks at the AU and names the place in ordinary or in anatomical
words is right.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BROWS = _words(
    "brow brows eyebrow eyebrows forehead glabella glabellar corrugator procerus frontalis frontal "
    "frown"
)
_EYES = _words(
    "eye eyes eyelid eyelids lid lids lash lashes eyelash eyelashes iris sclera canthus orbit "
    "orbital periorbital periocular infraorbital palpebral oculi ocular crow temple temples gaze "
    "upperface"
)
_CHEEKS = _words("cheek cheeks cheekbone cheekbones malar zygomatic buccal midface")
_NOSE = _words("nose nostril nostrils nasal nasalis bridge ala alae midface")
_FOLDS = _words("nasolabial fold folds furrow furrows")
_MOUTH = _words(
    "mouth lip lips labial perioral oral oris commissure commissures philtrum vermilion smile "
    "teeth tooth tongue lowerface zygomaticus dimple dimples"
)
_CHIN = _words("chin mentalis mental jaw jaws jawline mandible lowerface")
_ELSEWHERE = _words(
    "ear ears earlobe earlobes hair hairline scalp neck throat shoulder shoulders chest hand hands "
    "arm arms body background hat"
)
_BROWS_OR_EYES = _BROWS | _EYES
_PARTS = _BROWS | _EYES | _CHEEKS | _NOSE | _FOLDS | _MOUTH | _CHIN | _ELSEWHERE

_PLACES: Final[Mapping[int, tuple[frozenset[str], frozenset[str]]]] = {
    1: (_BROWS_OR_EYES, _NOSE),
    2: (_BROWS_OR_EYES, _NOSE),
    4: (_BROWS_OR_EYES, _NOSE | _FOLDS),
    5: (_EYES, _BROWS),
    6: (_CHEEKS | _EYES, _NOSE | _FOLDS | _MOUTH),
    7: (_EYES, _BROWS | _CHEEKS),
    9: (_NOSE, _BROWS_OR_EYES | _CHEEKS | _FOLDS | _MOUTH),
    10: (_MOUTH | _FOLDS, _NOSE | _CHEEKS),
    11: (_FOLDS | _CHEEKS | _NOSE, _MOUTH),
    12: (_MOUTH, _CHEEKS | _FOLDS | _CHIN | _EYES),
    14: (_MOUTH | _CHEEKS, _FOLDS | _CHIN),
    15: (_MOUTH, _CHIN | _CHEEKS | _FOLDS),
    17: (_CHIN | _MOUTH, frozenset()),
    20: (_MOUTH, _CHIN | _CHEEKS),
    22: (_MOUTH, _CHIN),
    23: (_MOUTH, _CHIN),
    24: (_MOUTH, _CHIN),
    25: (_MOUTH, _CHIN),
    26: (_CHIN | _MOUTH, _CHEEKS),
    27: (_CHIN | _MOUTH, _CHEEKS),
}
"""AU id -> words of its place, one of which must be there; words of what lies beside it."""

_WORD = re.compile(r"[a-z]+")
_PART_OF_FACE = re.compile(
    r"\b(upper|lower|mid|middle)(?:dle)?[ -]?(?:half of the |part of the )?face\b"
)


@lru_cache(maxsize=4096)
def is_place_of(au: int, region: str) -> bool:
    """Whether a region names the place of this AU, and nothing on the far side of the face.

    >>> is_place_of(12, "corners of the mouth"), is_place_of(12, "left ear"), is_place_of(4, "chin")
    (True, False, False)
    """
    own, beside = _PLACES[au]
    named = _PARTS.intersection(_WORD.findall(_part_of_face(region.casefold())))
    return not named.isdisjoint(own) and named <= own | beside


def names_a_part(text: str) -> bool:
    """Whether a text names any part of a face."""
    return not _PARTS.isdisjoint(_WORD.findall(text.casefold()))


def _part_of_face(region: str) -> str:
    """`upper face` as one word."""
    return _PART_OF_FACE.sub(lambda part: f"{part[1].replace('middle', 'mid')}face", region)
