"""Published AU prototypes of the basic emotions, and how well a set of AUs supports one.

Source: Du, Tao and Martinez, "Compound facial expressions of emotion", PNAS 111(15), 2014,
Table 1: AUs seen in (nearly) all posers weigh 1, the others the share of posers who used them.
Contempt is not in that table; its AUs (12 and 14, unilateral) follow EMFACS (Friesen and Ekman,
1983). A prototype describes posed faces: it is evidence about a word, not about a feeling.
"""

from collections.abc import Collection, Iterable, Mapping
from math import hypot, sqrt
from typing import Final

from tag_plugin.facs.detections import Detection

PROTOTYPES: Final[Mapping[str, Mapping[int, float]]] = {
    "neutral": {},
    "happiness": {12: 1.0, 25: 1.0, 6: 0.51},
    "sadness": {4: 1.0, 15: 1.0, 1: 0.60, 6: 0.50, 11: 0.26, 17: 0.67},
    "surprise": {1: 1.0, 2: 1.0, 25: 1.0, 26: 1.0, 5: 0.66},
    "fear": {1: 1.0, 4: 1.0, 20: 1.0, 25: 1.0, 2: 0.57, 5: 0.63, 26: 0.33},
    "disgust": {9: 1.0, 10: 1.0, 17: 1.0, 4: 0.31, 24: 0.26},
    "anger": {4: 1.0, 7: 1.0, 24: 1.0, 10: 0.26, 17: 0.52, 23: 0.29},
    "contempt": {12: 1.0, 14: 1.0},
}
"""Emotion -> {AU id: weight in (0, 1]}."""

_LENGTHS: Final[Mapping[str, float]] = {
    emotion: hypot(*weights.values()) for emotion, weights in PROTOTYPES.items()
}


def prototype_similarity(action_units: Collection[int], emotion: str) -> float:
    """Cosine between a set of AUs and an emotion's prototype, in [0, 1].

    The neutral prototype is empty: its similarity is 1 / (1 + number of AUs).

    >>> prototype_similarity([], "neutral"), prototype_similarity([12], "sadness")
    (1.0, 0.0)
    """
    claimed = set(action_units)
    weights = PROTOTYPES[emotion]
    if not weights:
        return 1 / (1 + len(claimed))
    if not claimed:
        return 0.0
    shared = sum([weights[au] for au in claimed if au in weights])
    return shared / (sqrt(len(claimed)) * _LENGTHS[emotion])


def consistency(action_units: Collection[int], emotion: str, options: Collection[str]) -> float:
    """How well the AUs support `emotion`, relative to the best supported option, in [0, 1].

    1 means that no other option fits the AUs better; 0 that the AUs do not support it at all.
    """
    best = max(prototype_similarity(action_units, option) for option in {*options, emotion})
    return prototype_similarity(action_units, emotion) / best if best > 0 else 0.0


OWN_WEIGHT: Final = 0.5
"""An AU of at least this weight is an emotion's own: at least half of the posers showed it."""
ONE_SIDED: Final = frozenset({"contempt"})
"""Emotions whose AUs speak for them on one side of the face only."""
_NEVER_SMILING: Final = frozenset({"anger", "disgust", "fear", "sadness"})
SUPPORT_MARGIN: Final = 0.15
"""How much better (in cosine) another emotion may fit the AUs of a face that support its label.

At this value AU 1, 2, 5 and 25 speak for fear, which surprise fits a little better, and AU1 alone
for sadness; AU25 alone, the mark of a smile, does not for surprise, nor does AU17, disgust's, for
sadness, nor a face with every AU of surprise for fear.
"""
_OF_SOME_EMOTION: Final = frozenset(
    au for weights in PROTOTYPES.values() for au, weight in weights.items() if weight >= OWN_WEIGHT
)


def supports(
    present: Iterable[Detection],
    emotion: str,
    options: Collection[str],
    margin: float = SUPPORT_MARGIN,
) -> bool:
    """Whether AUs that are on, with their sides, are evidence for `emotion`.

    An emotion is supported when an AU of its own prototype is on, of weight OWN_WEIGHT or more (for
    contempt on one side only), and no other emotion of `options` is more similar to the AUs by more
    than `margin`. Neutral is no such rival: it has no AU that could fit. Contempt is one only where
    its AUs are on one side.

    A smile (AU12) on both sides denies anger, disgust, fear and sadness: of these emotions it has
    never been part, and a trace that names it would argue against its own answer.

    Neutral is supported when none of the AUs is any emotion's own; give the AUs that are undecided
    too, since a trace of it says that none is visible. These are the AUs that a
    neutral face rarely shows: each is on in most posers of some emotion, and a detector is
    calibrated to see it on few neutral faces. What is left (a dimple, a funneled lip, a deep fold)
    says nothing against neutral.
    """
    sides: dict[int, set[str | None]] = {}
    for each in present:
        sides.setdefault(each.au, set()).add(each.side)
    if emotion == "neutral":
        return _OF_SOME_EMOTION.isdisjoint(sides)
    if not _own_is_on(sides, emotion) or (emotion in _NEVER_SMILING and None in sides.get(12, ())):
        return False
    rivals = {each for each in options if each not in ONE_SIDED or _own_is_on(sides, each)}
    best = max((prototype_similarity(sides, each) for each in rivals - {"neutral"}), default=0.0)
    return best - prototype_similarity(sides, emotion) <= margin


def _own_is_on(sides: Mapping[int, set[str | None]], emotion: str) -> bool:
    """Whether an AU of the emotion's own is on; of a one-sided emotion, on one side."""
    weights = PROTOTYPES[emotion]
    return any(
        weights.get(au, 0.0) >= OWN_WEIGHT
        and (emotion not in ONE_SIDED or (len(of_au) == 1 and None not in of_au))
        for au, of_au in sides.items()
    )
