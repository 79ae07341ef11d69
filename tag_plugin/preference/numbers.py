"""Opinions -> preference, position bias, ties and agreement, with bootstrap intervals over pairs.

Bradley-Terry with an order effect (Davidson and Beaver, Biometrics 33, 1977), two runs A and B:

    logit P(A preferred | A shown first)  = strength + position
    logit P(A preferred | A shown second) = strength - position

A tie counts half for each. Half a win is added to each of the four cells, so that a one-sided
study has a finite estimate. `preference` = logistic(strength): what is left of A's preference when
the place where it was shown is taken out.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tag_plugin.facs.frozen import Frozen
from tag_plugin.preference.judge import Opinion
from tag_plugin.scoring.estimates import Estimate, estimate
from tag_plugin.scoring.statistics import Floats, resampled_sums

_PRIOR: Final = 0.5
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
    names = ("preference", "strength", "position", "first_share", "agreement")
    if not pairs:
        return dict.fromkeys(names)
    columns = np.array([_contribution(looks) for looks in pairs])
    whole, drawn = _estimates(columns.sum(axis=0)), _estimates(resampled_sums(columns))
    return {name: estimate(whole[name], drawn[name]) for name in names}


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


def _estimates(sums: Floats) -> dict[str, Floats]:
    """(..., columns) sums -> the estimates, each (...); NaN where one does not apply."""
    of = {name: sums[..., index] for index, name in enumerate(_COLUMNS)}
    first = _logit(of["a_first_for_a"], of["a_first"])
    second = _logit(of["a_second_for_a"], of["a_second"])
    strength, position = (first + second) / 2, (first - second) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "preference": 1 / (1 + np.exp(-strength)),
            "strength": strength,
            "position": position,
            "first_share": of["decided_first"] / of["decided"],
            "agreement": of["agreed"] / of["both"],
        }


def _logit(wins: Floats, looks: Floats) -> Floats:
    odds: Floats = np.log((wins + _PRIOR) / (looks - wins + _PRIOR))
    return odds
