"""Opinions -> preference, position bias, ties and agreement, with intervals.

Bradley-Terry with an order effect (Davidson and Beaver, Biometrics 33, 1977), two runs A and B:

    logit P(A preferred | A shown first)  = strength + position
    logit P(A preferred | A shown second) = strength - position

A tie counts half for each. Half a win is added to each of the four cells, so that a one-sided
study has a finite estimate. `preference` = logistic(strength): what is left of A's preference when
the place where it was shown is taken out.

Intervals of shares are Wilson's: of the preference over pairs, however many looks at each; strength
is the logit of that. Position has a normal interval, from the four cells.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from tag_plugin.facs.frozen import Frozen
from tag_plugin.preference.judge import Opinion
from tag_plugin.scoring.estimates import Estimate, share_estimate
from tag_plugin.scoring.statistics import LEVEL

_PRIOR: Final = 0.5
_NEAREST: Final = 1e-6
"""A bound of the preference is so far from 0 and 1 at least, to have a logit."""
_COLUMNS: Final = (
    "a_first",  # looks with A first
    "a_first_for_a",
    "a_second",
    "a_second_for_a",
    "decided",  # looks that were no tie
    "decided_first",  # ... and preferred what was shown first
    "looks",
    "both",  # pairs seen in both orders
    "agreed",  # ... with the same preference both times
)


class Preference(Frozen):
    """What a set of opinions comes to.

    `preference`: probability that A is preferred, the position effect taken out; `strength` and
    `position` are on the logit scale. `first_share`: share of decided looks that preferred what
    was shown first (0.5 is no bias). `agreement`: share of pairs judged alike in both orders, None
    when none was seen in both. `wins_a`, `wins_b`, `split`: pairs by their mean opinion. Identical
    answers are in `identical` alone.
    """

    pairs: int
    identical: int
    looks: int
    unreadable: int
    ties: int
    wins_a: int
    wins_b: int
    split: int
    preference: Estimate | None
    strength: Estimate | None
    position: Estimate | None
    first_share: Estimate | None
    agreement: Estimate | None


def preference(opinions: Sequence[Opinion], identical: int = 0) -> Preference:
    """Everything about these opinions of the pairs of one study."""
    read = [opinion for opinion in opinions if opinion.side is not None]
    by_pair: dict[str, list[Opinion]] = {}
    for opinion in read:
        by_pair.setdefault(opinion.pair, []).append(opinion)
    means = [float(np.mean([o.for_a for o in looks])) for looks in by_pair.values()]
    return Preference(
        pairs=len(by_pair),
        identical=identical,
        looks=len(read),
        unreadable=len(opinions) - len(read),
        ties=sum(opinion.side == "tie" for opinion in read),
        wins_a=sum(mean > 0.5 for mean in means),
        wins_b=sum(mean < 0.5 for mean in means),
        split=sum(mean == 0.5 for mean in means),
        **_numbers(list(by_pair.values())),
    )


def _numbers(pairs: Sequence[Sequence[Opinion]]) -> dict[str, Estimate | None]:
    if not pairs:
        return dict.fromkeys(("preference", "strength", "position", "first_share", "agreement"))
    counts = np.array([_contribution(looks) for looks in pairs]).sum(axis=0)
    of = dict(zip(_COLUMNS, map(float, counts), strict=True))
    first = _logit(of["a_first_for_a"], of["a_first"])
    second = _logit(of["a_second_for_a"], of["a_second"])
    preferred = share_estimate(float(expit((first + second) / 2)), len(pairs))
    return {
        "preference": preferred,
        "strength": _on_logits(preferred),
        "position": _position((first - second) / 2, of),
        "first_share": _share(of["decided_first"], of["decided"]),
        "agreement": _share(of["agreed"], of["both"]),
    }


def _on_logits(preferred: Estimate | None) -> Estimate | None:
    if preferred is None:
        return None
    low, high = (min(max(each, _NEAREST), 1 - _NEAREST) for each in (preferred.low, preferred.high))
    return Estimate(float(logit(preferred.value)), float(logit(low)), float(logit(high)))


def _position(value: float, of: Mapping[str, float]) -> Estimate:
    """With the variance of two logits whose cells have half a win added (Woolf)."""
    variance = sum(
        1 / (of[f"{name}_for_a"] + _PRIOR) + 1 / (of[name] - of[f"{name}_for_a"] + _PRIOR)
        for name in ("a_first", "a_second")
    )
    half = float(norm.ppf((1 + LEVEL) / 2)) * math.sqrt(variance) / 2
    return Estimate(value, value - half, value + half)


def _share(part: float, whole: float) -> Estimate | None:
    return share_estimate(part / whole, whole) if whole else None


def _contribution(looks: Sequence[Opinion]) -> tuple[float, ...]:
    """What one pair adds, in the order of _COLUMNS."""
    first = [look.for_a or 0.0 for look in looks if look.a_first]
    second = [look.for_a or 0.0 for look in looks if not look.a_first]
    decided = [look.side == "first" for look in looks if look.side != "tie"]
    both = bool(first and second)
    return (
        len(first),
        sum(first),
        len(second),
        sum(second),
        len(decided),
        sum(decided),
        len(looks),
        both,
        both and len(set(first + second)) == 1,
    )


def _logit(wins: float, looks: float) -> float:
    return math.log((wins + _PRIOR) / (looks - wins + _PRIOR))
