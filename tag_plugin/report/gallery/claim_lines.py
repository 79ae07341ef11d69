"""Which line of a completion a claim stands on, so that hovering the line lights its box."""

from collections.abc import Sequence

from tag_plugin.trace.claims import AU_MENTION, BOX_TAG, Claim


def claim_lines(completion: str, claims: Sequence[Claim]) -> list[int | None]:
    r"""The line number (from 0) of each claim, None where it cannot be told.

    The judge read the claims in the order of the text; this walks along with it.

    >>> claim_lines("a\nInspect x → AU4 (y): seen → z", [Claim(4, observation="seen")])
    [1]
    """
    lines = completion.split("\n")
    found: list[int | None] = []
    start = 0
    for claim in claims:
        number = _find(lines, start, claim) if claim.observation in completion else None
        found.append(number)
        if number is not None:
            start = number + 1
    return found


def _find(lines: Sequence[str], start: int, claim: Claim) -> int | None:
    for number in range(start, len(lines)):
        line = lines[number]
        if claim.observation and claim.observation not in line:
            continue
        if BOX_TAG.search(line) or AU_MENTION.search(line):
            return number
    return None
