"""What the free text of a trace says beside its claims: Action Units, emotions, the same again.

Only what is asserted counts: `no sign of fear`, `AU12 is absent`, `happy to` name nothing.
"""

import re
import string
from collections.abc import Collection
from typing import Final

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.emotions import SYNONYMS
from tag_plugin.trace.denial import IDIOMS, NEGATION, NEGATION_OR_REST

_ORDINARY_NAMES: Final = frozenset({"lips part", "jaw drop", "mouth stretch"})
"""FACS names that are ordinary words as well, so that prose may use them."""
_UNITS: Final = {
    unit.name: unit.id for unit in ACTION_UNITS.values() if unit.name not in _ORDINARY_NAMES
}
_UNIT = re.compile(
    r"\b(?:au|action unit)s?[ #-]?([0-9]{1,3}(?:(?: ?[,+/&] ?| and )(?:au ?)?[0-9]{1,3})*)\b"
    rf"|\b({'|'.join(_UNITS)})\b"
)
_NUMBER = re.compile("[0-9]+")

_EMOTION_OF: Final = {
    word: emotion
    for emotion, words in SYNONYMS.items()
    if emotion != "neutral"
    for word in (emotion, *words)
}
_FACE: Final = r"(?:expression|face|emotion|affect|mood|demeanou?r|person|man|woman|subject)"
_FEATURE: Final = "mouth|lips?|eyes?|brows?|eyebrows?|smile|grin|frown|curve|gaze|stare"
"""What an adjective before it describes, and not the person."""
_EMOTION = re.compile(
    rf"(?<!i'm )(?<!i am )\b({'|'.join(_EMOTION_OF)})\b(?! (?:to|that|{_FEATURE})\b)"
    rf"|(?<!upper )(?<!lower )(?<!of the )\b{_FACE} (?:is|looks|appears|seems|remains|reads as)"
    r"(?: [a-z]+){0,2} (neutral)\b"
)
_SENTENCE = re.compile(
    r"[.;!?]|\b(?:but|however|although|though|whereas|while|yet|instead(?! of))\b"
)
_CONTRAST = re.compile(
    rf"{NEGATION.pattern}|n['’]t\b|\bcannot\b|\b(?:rather than|instead of|unlike|than|opposed|"
    r"opposite|far from|rules? out|exclud\w+|differ\w*|distinguish\w*|mistaken?|confused?|compared|"
    r"hardly|barely|scarcely|little|less|could|might|would|if|for fear|in case)\b"
)
_NO_LETTERS: Final = (string.digits + string.punctuation + string.whitespace).encode()
_SPOKEN_UNITS: Final = ("au", "action unit", *sorted({name.split()[-1] for name in _UNITS}))
_SPOKEN_EMOTIONS: Final = ("neutral", *sorted(_EMOTION_OF))
"""Without one of these words a text names none; looking for them is fast."""


def unclaimed_units(text: str, claimed: Collection[int]) -> bool:
    """Whether the text says of an AU that is not among these that it acts.

    >>> unclaimed_units("AU6 and AU12 make a smile", {6}), unclaimed_units("There is no AU6", {4})
    (True, False)
    """
    text = text.casefold()
    if not any(map(text.__contains__, _SPOKEN_UNITS)) or _UNIT.search(text) is None:
        return False
    return any(
        not _claimed_all(named, claimed)
        for sentence in _SENTENCE.split(IDIOMS.sub(" ", text))
        if not NEGATION_OR_REST.search(sentence)
        for named in _UNIT.finditer(sentence)
    )


def _claimed_all(named: re.Match[str], claimed: Collection[int]) -> bool:
    """Whether each AU of one mention is among these; a number of no AU says nothing."""
    if named[2]:
        return _UNITS[named[2]] in claimed
    numbers = map(int, _NUMBER.findall(named[1]))
    return all(number in claimed for number in numbers if number in ACTION_UNITS)


def names_another(text: str, answer: str) -> bool:
    """Whether the text names another emotion than the answer, or two others beside it.

    >>> names_another("The face shows anger.", "fear"), names_another("No sign of anger.", "fear")
    (True, False)
    >>> names_another("Something between anger and fear.", "fear")
    False
    """
    text = text.casefold()
    if not any(map(text.__contains__, _SPOKEN_EMOTIONS)):
        return False
    asserted = _asserted(IDIOMS.sub(" ", text))
    if answer == "neutral" and answer in text:  # an ordinary word, which asserts little
        asserted.add(answer)
    return len(asserted - {answer}) > (answer in asserted)


def _asserted(text: str) -> set[str]:
    """The emotions that are named without a negation or a contrast before them."""
    emotions = set()
    for sentence in _SENTENCE.split(text):
        contrast = _CONTRAST.search(sentence)
        end = contrast.start() if contrast else len(sentence)
        for named in _EMOTION.finditer(sentence):
            if named.end() <= end:
                emotions.add(_EMOTION_OF.get(named[1] or "", "neutral"))
    return emotions


class Sentences:
    """What was said of each AU so far; case, digits and punctuation do not tell two apart."""

    def __init__(self) -> None:
        self._units: dict[bytes, int] = {}

    def repeats(self, au: int, observation: str) -> bool:
        """Whether another AU was described in these very words before."""
        words = observation.casefold().encode(errors="replace").translate(None, _NO_LETTERS)
        return self._units.setdefault(words, au) != au
