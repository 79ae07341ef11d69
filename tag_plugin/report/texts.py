"""What a model wrote, for people: an excerpt of any length, and the lines on which claims stand."""

import re
from collections.abc import Sequence
from typing import Final

from tag_plugin.trace.claims import AU_MENTION, BOX_TAG, Claim

LONGEST: Final = 20_000
"""Characters of a completion on a page or beside a picture; an answer within any usual
max_new_tokens is shorter."""

_CLAIM: Final = re.compile(f"{BOX_TAG.pattern}|{AU_MENTION.pattern}", re.IGNORECASE)


def excerpt(text: str) -> str:
    """The text, or its beginning and a line that says how much is left out."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n[cut: {len(text) - LONGEST:,} more characters are not shown]"


def claim_lines(completion: str, claims: Sequence[Claim]) -> list[int | None]:
    r"""The line number (from 0) of each claim, None where it cannot be told.

    Hovering the line lights the claim's box.
    The judge read the claims in the order of the text; this walks along with it.

    >>> claim_lines("a\nInspect x → AU4 (y): seen → z", [Claim(4, observation="seen")])
    [1]
    """
    lines = completion.split("\n")
    numbers: list[int | None] = []
    start = 0
    for claim in claims:
        # One that stands nowhere is not looked for: each would read all lines.
        left = range(start, len(lines)) if claim.observation in completion else ()
        holding = (n for n in left if claim.observation in lines[n] and _CLAIM.search(lines[n]))
        number = next(holding, None)
        numbers.append(number)
        start = start if number is None else number + 1
    return numbers
