"""The `rules` writer: a trace in varied words that says only what the detector saw."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.detections import Detections
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig
from tag_plugin.trace.grammar import Inspection, Trace

WRITER_NAME = "rules"

OBSERVATIONS: Final[Mapping[int, tuple[str, ...]]] = {
    1: ("the inner ends of the brows are raised", "the inner brows are drawn up"),
    2: ("the outer ends of the brows are raised", "the outer brows arch upwards"),
    4: ("the brows are lowered and drawn together", "the brows are pulled down"),
    5: ("the upper lids are raised", "the eyes are opened wide"),
    6: ("the cheeks are raised", "the cheeks push up below the eyes"),
    7: ("the lids are tightened", "the eye openings are narrowed by tense lids"),
    9: ("the nose is wrinkled", "wrinkles run along the sides of the nose"),
    10: ("the upper lip is raised", "the upper lip is pulled up"),
    11: ("the nasolabial folds are deepened", "the folds beside the nose are pronounced"),
    12: ("the lip corners are pulled up", "the lip corners rise towards the cheeks"),
    14: ("the mouth corners are tightened", "the mouth corners are drawn in and dimpled"),
    15: ("the lip corners are pulled down", "the lip corners drop"),
    17: ("the chin is pushed up", "the chin boss is raised and wrinkled"),
    20: ("the lips are stretched sideways", "the mouth is pulled wide and flat"),
    22: ("the lips are funneled forwards", "the lips are pushed out and rounded"),
    23: ("the lips are tightened", "the lips are narrowed and tense"),
    24: ("the lips are pressed together", "the lips are pressed into a thin line"),
    25: ("the lips are parted", "the lips are apart"),
    26: ("the jaw has dropped", "the jaw hangs open"),
    27: ("the mouth is stretched open", "the mouth is opened very wide"),
}
"""What each AU looks like, in two wordings."""

_UPPER_FACE = frozenset({1, 2, 4, 5, 6, 7})
_ANALYSES: Final[Mapping[tuple[bool, bool], tuple[str, ...]]] = {
    (False, False): (
        "The face is at rest and its features look relaxed.",
        "The whole face looks calm and relaxed.",
    ),
    (True, False): (
        "The expression shows in the upper face, around the eyes and brows.",
        "The eyes and brows carry the expression.",
    ),
    (False, True): (
        "The expression shows in the lower face, around the nose and mouth.",
        "The nose and mouth region carries the expression.",
    ),
    (True, True): (
        "The expression involves both the upper and the lower face.",
        "The whole face takes part in the expression, from the brows to the mouth.",
    ),
}

_NOTHING_SEEN = (
    "No single feature of the face stands out.",
    "The face as a whole shows the expression, no single feature does.",
)
"""For an expression without an AU that the detector saw: such a face is not said to be at rest."""

_NO_EMOTION = (
    "The face as a whole is calm.",
    "The face as a whole looks calm.",
)
"""For neutral with an AU: nothing carries an expression then."""


def write_trace(
    label: str, detections: Detections, seed: int | str, config: JudgeConfig = DEFAULT_JUDGE
) -> Trace:
    """The trace of a face: exactly the AUs that the judge will ask for, with their own boxes.

    The same label, detections and seed always give the same words.
    """
    random = Random(str(seed))
    on = detections.on(config.thresholds, config.top_k)
    steps = tuple(
        Inspection(
            region=action_unit(each.au).region,
            au=each.au,
            observation=random.choice(OBSERVATIONS[each.au]) + on_one_side(each.side),
            box=each.box,
        )
        for each in sorted(on, key=lambda each: (each.au, each.box.y1))
    )
    return Trace(
        global_analysis=_analysis(label, [step.au for step in steps], random),
        inspections=steps,
        answer=label,
    )


def on_one_side(side: str | None) -> str:
    """What is said of an AU that was seen on one side only."""
    return "" if side is None else f", on the person's {side} side only"


def _analysis(label: str, action_units: Sequence[int], random: Random) -> str:
    if not action_units and label != "neutral":
        return random.choice(_NOTHING_SEEN)
    if action_units and label == "neutral":
        return random.choice(_NO_EMOTION)
    upper = [au in _UPPER_FACE for au in action_units]
    return random.choice(_ANALYSES[any(upper), not all(upper)])
