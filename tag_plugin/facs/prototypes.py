"""Published AU prototypes of the basic emotions, and how well a set of AUs supports one.

Source: Du, Tao and Martinez, "Compound facial expressions of emotion", PNAS 111(15), 2014,
Table 1: AUs seen in (nearly) all posers weigh 1, the others the share of posers who used them.
Contempt is not in that table; its AUs (12 and 14, unilateral) follow EMFACS (Friesen and Ekman,
1983). A prototype describes posed faces: it is evidence about a word, not about a feeling.
"""

from collections.abc import Collection, Mapping
from math import hypot, sqrt
from typing import Final

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
