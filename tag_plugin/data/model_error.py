"""What pydantic found wrong with a value, as one short line, in bounded memory."""

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

_LONGEST: Final = 300
"""Characters; a message may hold the whole wrong value."""
_MOST_VALUES: Final = 100_000
"""Of a JSON value that is checked: each wrong one costs more than a kilobyte."""

Model = TypeVar("Model", bound=BaseModel)


class WrongValueError(ValueError):
    """A JSON value that is not what a model says; the message is one short line."""


def checked(
    model: type[Model],
    value: object,
    before: str = "",
    after: str = "",
    error: type[Exception] = WrongValueError,
) -> Model:
    """The value as a model.

    Raises:
        Exception: an `error`, its message between `before` and `after`: the value is none, or has
            more than 100,000 parts.
    """
    left: list[Any] = [value]
    values = 0
    while left and values <= _MOST_VALUES:
        part = left.pop()
        inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        values += 1 + len(inside)
        left.extend(each for each in inside if isinstance(each, dict | list))
    if values > _MOST_VALUES:
        raise error(f"{before}more than {_MOST_VALUES:,} values{after}")
    try:
        return model.model_validate(value)
    except ValidationError as problem:
        raise error(f"{before}{first_problem(problem)}{after}") from None


def first_problem(error: ValidationError) -> str:
    """`place: what is wrong` of the first problem, and how many there are besides."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    text = f"{place}: {reason}" if place else reason
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    more = error.error_count() - 1
    return f"{text} (and {more} more)" if more else text
