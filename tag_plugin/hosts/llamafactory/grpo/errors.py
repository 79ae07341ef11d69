"""The one error of a GRPO run that the user can mend."""

import difflib
from collections.abc import Collection, Mapping


class GrpoError(ValueError):
    """A configuration or data set that GRPO cannot train on; says what, where and what to do."""


def unknown(what: str, name: str, known: Collection[str], otherwise: str = "") -> GrpoError:
    """The error about a name that is none of the known ones: what was meant, or what there is."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"next: one of {', '.join(known)}{otherwise}"
    return GrpoError(f"{what} {name!r}; {hint}")


def refuse(problems: Mapping[str, object]) -> None:
    """Raises the first problem that holds.

    Args:
        problems: what to say -> whether it holds.

    Raises:
        GrpoError: the problem.
    """
    for message, holds in problems.items():
        if holds:
            raise GrpoError(message)
