"""What several people said of one face, and how one of them compares with the others."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field
from scipy.spatial.distance import jensenshannon

Votes = Annotated[
    Mapping[str, Annotated[int, Field(ge=1, le=1000, strict=True)]],
    Field(min_length=1, max_length=16),
]
"""What was chosen -> by how many. Not every choice is a label: FERPlus has `unknown`."""


def majority(votes: Mapping[str, int]) -> str | None:
    """What most chose, by FERPlus' official rule; None where nothing has a majority.

    Single votes count as 0; the largest count must exceed half of what remains.
    Source: Barsoum et al., "Training deep networks for facial expression recognition with
    crowd-sourced label distribution", ICMI 2016, and its reference trainer.

    >>> majority({"neutral": 4, "sadness": 2, "anger": 3}), majority({"fear": 3, "surprise": 1})
    (None, 'fear')
    """
    counts = {choice: count for choice, count in votes.items() if count > 1}
    winner = max(counts, key=counts.__getitem__, default=None)
    return winner if winner and 2 * counts[winner] > sum(counts.values()) else None


def one_against_the_others(votes: Mapping[str, int]) -> tuple[int, int]:
    """How many raters chose what the majority of the others did, and how many have such others.

    >>> one_against_the_others({"happiness": 9, "neutral": 1})
    (9, 10)
    """
    agreeing = compared = 0
    for choice, count in votes.items():
        others = majority({**votes, choice: count - 1})
        agreeing += count if others == choice else 0
        compared += 0 if others is None else count
    return agreeing, compared


def divergence(answers: Iterable[str | None], votes: Mapping[str, int]) -> float:
    """Jensen-Shannon divergence in bits, 0..1, of a model's answers to one face and its votes."""
    given = [str(answer) for answer in answers]
    choices = [*dict.fromkeys((*given, *votes))]
    shares = ([given.count(each) for each in choices], [votes.get(each, 0) for each in choices])
    return float(jensenshannon(*shares, base=2)) ** 2
