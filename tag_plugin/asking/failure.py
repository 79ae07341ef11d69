"""What an error of the client means: this request is given up, or nothing more can be asked.

`Outage` decides whose fault it is when a request gets no reply: a row is dropped only when the
endpoint answers others; when it answers nobody the run stops, and no row is lost.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urljoin

import openai

from tag_plugin.asking.request import AskingError, RequestError, one_line

_UNUSABLE: Final[Mapping[int, str]] = {
    401: "the key (the environment variable that api_key_env names)",
    402: "the credit",
    403: "the key, or the model's name",
    404: "the address (it ends in /v1), or the model's name",
}
_LATER: Final = frozenset({408, 409, 425, 429})
NO_CREDIT: Final = "insufficient_quota"
_LONGEST_WAIT: Final = 120.0
"""Seconds, as in Retry-After; the client waits no longer than this before it tries again."""
_DETAIL: Final = 300
"""Characters of an error message that are kept."""


def meaning(error: openai.OpenAIError, key: str | None) -> RequestError | AskingError:
    """What an error means, in a line that never holds the key."""
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, key)
    cause = error.__cause__ or error
    if isinstance(error, openai.APITimeoutError):
        return RequestError("time-out", _plain(str(cause), key), again=True)
    unreachable = type(cause).__name__ == "ConnectError"
    return RequestError(
        "no connection" if unreachable else "broken connection",
        _plain(str(cause), key),
        again=True,
        unreachable=unreachable,
    )


def _of_status(error: openai.APIStatusError, key: str | None) -> RequestError | AskingError:
    message = error.body.get("message") if isinstance(error.body, dict) else None
    words = message if isinstance(message, str) and message else error.response.text
    status, detail = error.status_code, _plain(words, key)
    if 300 <= status < 400:
        return AskingError(_redirect(error, key))
    if error.code == NO_CREDIT:
        return AskingError(f"the endpoint says that the credit is spent: {detail}; no row is lost")
    if status in _UNUSABLE:
        return AskingError(
            f"the endpoint says {status} ({detail}); next: check {_UNUSABLE[status]}"
        )
    again, wait = status in _LATER or status >= 500, error.response.headers.get("retry-after")
    if again and _seconds(wait) > _LONGEST_WAIT:
        return AskingError(
            f"the endpoint asks to wait {_plain(str(wait), key)} s ({status}: {detail}); no row is "
            "lost; next: run the same command again then"
        )
    return RequestError(str(status), detail, again=again)


def _seconds(wait: str | None) -> float:
    try:
        return float(wait or 0)
    except ValueError:  # a date, or nothing at all
        return 0.0


def _redirect(error: openai.APIStatusError, key: str | None) -> str:
    location = error.response.headers.get("location")
    if not location:
        return (
            f"the endpoint says {error.status_code}, a redirect to nowhere; next: check base_url "
            "(--endpoint)"
        )
    try:
        target = urljoin(str(error.request.url), location)
    except ValueError:  # no address at all
        target = location
    base = _plain(target, key).removesuffix("/chat/completions").removesuffix("/models")
    return (
        f"the endpoint redirects to {base} ({error.status_code}), and nothing was sent there; "
        "next: set base_url (--endpoint) to it if you trust it"
    )


def _plain(text: str, key: str | None) -> str:
    return one_line(scrubbed(text, key), _DETAIL)


def scrubbed(text: str, key: str | None) -> str:
    """The text without the key, whoever put it there."""
    return text.replace(key, "***") if key else text


GIVEN_UP_IN_A_ROW: Final = 8
"""So many requests given up one after the other, with no reply between, stop the run."""


class Outage:
    """Counts replies and requests given up; `answered` are the replies of earlier runs."""

    def __init__(self, where: str, answered: int = 0) -> None:
        self._where = where
        self._answered = answered
        self._in_a_row = 0
        self._active = self._waiting = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[None]:
        """Around one request, from the wish to the reply.

        A `RequestError` comes through when it was the row's fault: another row was answered
        since, or the endpoint refused this one (again: no) and has answered others before.

        Raises:
            AskingError: it was the endpoint's.
        """
        self._active += 1
        try:
            yield
            self._answered, self._in_a_row = self._answered + 1, 0
        except RequestError as failure:
            if failure.again or not self._answered:
                await self._decide(failure)
            raise
        finally:
            self._active -= 1
            await self._tell()

    async def _decide(self, failure: RequestError) -> None:
        before = self._answered
        self._in_a_row += 1
        self._waiting += 1
        await self._tell()
        async with self._changed:  # until another is answered, too many are not, or none is left
            await self._changed.wait_for(
                lambda: self._answered > before or self._many or self._active == self._waiting
            )
        self._waiting -= 1
        if self._answered == before and (self._many or failure.unreachable):
            raise AskingError(
                f"{self._where} answers no request ({failure}); no row is lost; next: see to it, "
                "and run the same command again"
            ) from None

    @property
    def _many(self) -> bool:
        return self._in_a_row >= GIVEN_UP_IN_A_ROW

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
