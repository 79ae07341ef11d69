"""Text for people that may be of any length: what is not shown is said to be so."""

from typing import Final

LONGEST: Final = 20_000
"""Characters of a completion on a page or beside a picture; an answer within any usual
max_new_tokens is shorter."""


def excerpt(text: str) -> str:
    """The text, or its beginning and a line that says how much is left out."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n[cut: {len(text) - LONGEST:,} more characters are not shown]"
