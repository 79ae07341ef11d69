"""Rewards for any data set whose replies are a word or two.

    rewards: [{name: recipes/rewards/short_answer.py:exact, weight: 1.0}]

A reward is called with TRL's arguments, all by name: `completions` (the model's texts), the columns
of the samples (`solution` is the data set's own reply, `images` the pictures' paths), `prompts`,
`completion_ids`, `trainer_state`, and whatever the recipe gives under `args:`. It returns one
number a completion, or None where it does not apply.
"""

from difflib import SequenceMatcher


def exact(completions: list[str], solution: list[str], **_: object) -> list[float]:
    """1 for the reply of the data set, whatever its case, its spaces and its full stop."""
    return [
        float(_plain(text) == _plain(known))
        for text, known in zip(completions, solution, strict=True)
    ]


def close(
    completions: list[str], solution: list[str], power: float = 1.0, **_: object
) -> list[float]:
    """The share of characters in common, in [0, 1]: a slope where nothing is exact yet."""
    return [
        SequenceMatcher(None, _plain(text), _plain(known), autojunk=False).ratio() ** power
        for text, known in zip(completions, solution, strict=True)
    ]


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")
