"""What pydantic found wrong with a value, as one short line."""

from typing import Final

from pydantic import ValidationError

_LONGEST: Final = 300
"""Characters; a message may hold the whole wrong value."""


def first_problem(error: ValidationError) -> str:
    """`place: what is wrong` of the first problem, and how many there are besides."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    text = f"{place}: {first['msg']}" if place else first["msg"]
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    more = error.error_count() - 1
    return f"{text} (and {more} more)" if more else text
