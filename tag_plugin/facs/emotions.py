"""Emotion labels by name: canonical words, declared synonyms and the benchmarks' label sets.

Classes are always compared by name. A benchmark's class numbers live in its reader under
`tag_plugin.data` and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "neutral": ("neutrality", "no emotion"),
    "happiness": ("happy", "joy", "joyful"),
    "sadness": ("sad",),
    "surprise": ("surprised",),
    "fear": ("fearful", "afraid", "scared"),
    "disgust": ("disgusted",),
    "anger": ("angry",),
    "contempt": ("contemptuous",),
}
"""Canonical emotion name -> the other words that are read as it."""

EMOTIONS: tuple[str, ...] = tuple(SYNONYMS)

_CANONICAL = {name: name for name in EMOTIONS} | {
    word: name for name, words in SYNONYMS.items() for word in words
}
_SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))
_DECORATION = f"{_SPACES}\"'`*_.:!()[]"


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The classes of one benchmark, by canonical name, in the benchmark's published order."""

    name: str
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = [label for label in self.labels if label not in SYNONYMS]
        if unknown or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"label set {self.name!r}: unknown or repeated labels {self.labels}")

    def canonical(self, text: str) -> str | None:
        """`text` as one of this set's labels, or None when it is no declared name of one."""
        label = canonical_emotion(text)
        return label if label in self.labels else None


LABEL_SETS: Final[Mapping[str, LabelSet]] = {
    label_set.name: label_set
    for label_set in (
        LabelSet(
            "rafdb",
            ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"),
        ),
        LabelSet(
            "ferplus",
            (
                "neutral",
                "happiness",
                "surprise",
                "sadness",
                "anger",
                "disgust",
                "fear",
                "contempt",
            ),
        ),
        LabelSet(
            "affectnet7",
            ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger"),
        ),
        LabelSet(
            "affectnet8",
            (
                "neutral",
                "happiness",
                "sadness",
                "surprise",
                "fear",
                "disgust",
                "anger",
                "contempt",
            ),
        ),
        LabelSet("basic7", EMOTIONS[:-1]),
        LabelSet("basic8", EMOTIONS),
        LabelSet(
            "synth",
            ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger"),
        ),
    )
}
"""The label sets by name: rafdb, ferplus, affectnet7, affectnet8, synth (the default data), and for
a user's own data basic7 and basic8 (with contempt)."""


def canonical_emotion(text: str) -> str | None:
    """The canonical emotion that `text` names, or None.

    Only a whole declared word counts: case, surrounding quotes and punctuation are ignored,
    anything else in the text makes it unknown.

    >>> canonical_emotion(" **Happy**. "), canonical_emotion("not happy")
    ('happiness', None)
    """
    return _CANONICAL.get(text[:200].lstrip(_DECORATION).rstrip(f"{_DECORATION},").casefold())


def label_set(name: str) -> LabelSet:
    """The label set with this name.

    Raises:
        ValueError: no such set; the message lists the known ones.
    """
    if name not in LABEL_SETS:
        raise ValueError(f"unknown label set {name!r}; known: {', '.join(LABEL_SETS)}")
    return LABEL_SETS[name]
