"""Lines for the terminal: text that came out of a file cannot steer it. Tables: `console`."""

import re
from typing import Final

import typer

# All of C0 and C1 but tab and line end, what turns the direction of writing, half surrogate pairs.
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LONGEST_MESSAGE: Final = 1500


def plain(text: str) -> str:
    r"""The text with a replacement character for each one that would steer a terminal.

    >>> plain("\x1b[31mred\a")
    '�[31mred�'
    """
    return _STEERING.sub("\ufffd", text)


def one_line(text: str) -> str:
    r"""A message as one plain line; of a very long one the middle is left out.

    >>> one_line("not a row\n  here")
    'not a row here'
    """
    if len(text) > _LONGEST_MESSAGE:
        half = _LONGEST_MESSAGE // 2
        count = len(text) - 2 * half
        text = f"{text[:half]}... ({count} characters left out) ...{text[-half:]}"
    return plain(" ".join(text.split()))


def echo(text: str, *, err: bool = False) -> None:
    """Print plain text, to stderr if `err`."""
    typer.echo(plain(text), err=err)  # noqa: TID251  # the one place


def warn(problem: object) -> None:
    """Say on stderr what was passed over and why, on one line."""
    echo(f"tag-plugin: {one_line(str(problem))}", err=True)
