"""What an HTTP error means for a request: try again, give up, or stop the run."""

import importlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from time import time
from typing import Final
from urllib.parse import urljoin

import openai

from tag_plugin.pipeline.write.request import RequestError, StoppedError

UNUSABLE: Final[Mapping[int, str]] = {
    401: "the key (the environment variable that api_key_env names)",
    403: "the key, or the model's name",
    404: "the address (it ends in /v1), or the model's name",
}
LATER: Final = frozenset({408, 409, 425, 429})
NO_CREDIT: Final = "insufficient_quota"
_DETAIL: Final = 300
"""Characters of an error message that are kept."""


def transport_errors() -> tuple[type[Exception], ...]:
    """No answer, or half of one.

    While a body is read, errors come from the HTTP library of whichever openai is installed.
    """
    names = [name for name in ("httpx", "httpx2") if find_spec(name)]
    own = (importlib.import_module(name).HTTPError for name in names)
    return (openai.APIConnectionError, *own)


def redirect(error: Exception, key: str | None) -> str | None:
    """What to say of an answer that sends the client elsewhere; None for anything else.

    Clients are opened with `follow_redirects=False`: a picture goes to the address that was named.
    """
    if not isinstance(error, openai.APIStatusError) or not 300 <= error.status_code < 400:
        return None
    location = error.response.headers.get("location")
    if not location:
        return f"the endpoint says {error.status_code}, a redirect to nowhere; next: check base_url"
    target = scrubbed(_joined(str(error.request.url), location), key)[:_DETAIL]
    base = target.removesuffix("/chat/completions").removesuffix("/models")
    return (
        f"the endpoint redirects to {base} ({error.status_code}), and nothing was sent there; "
        "next: set base_url (--endpoint) to it if you trust it"
    )


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:  # no address at all
        return location


def status_failure(error: openai.APIStatusError, key: str | None) -> RequestError | StoppedError:
    """What a status of 300 and above means."""
    elsewhere = redirect(error, key)
    if elsewhere is not None:
        return StoppedError(f"{elsewhere}; no row is lost")
    status, detail = error.status_code, scrubbed(error.message, key)[:_DETAIL]
    if error.code == NO_CREDIT:
        return StoppedError(f"the endpoint says that the credit is spent: {detail}; no row is lost")
    if status in UNUSABLE:
        return StoppedError(
            f"the endpoint says {status} ({detail}); next: check {UNUSABLE[status]}"
        )
    again = status in LATER or status >= 500
    wait = retry_after(error.response.headers.get("retry-after")) if again else None
    return RequestError(str(status), detail, again=again, wait=wait)


def connection_failure(error: Exception, key: str | None) -> RequestError:
    """What it means that no whole answer came."""
    cause = error.__cause__ or error
    unreachable = type(cause).__name__ == "ConnectError"
    kind = "no connection" if unreachable else "broken connection"
    detail = scrubbed(str(cause), key)[:_DETAIL]
    return RequestError(kind, detail, again=True, unreachable=unreachable)


def retry_after(value: str | None) -> float | None:
    """The seconds that a Retry-After header asks for: a number or a date.

    >>> retry_after("1.5"), retry_after("soon"), retry_after(None)
    (1.5, None, None)
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time()
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def scrubbed(text: str, key: str | None) -> str:
    """The text without the key, whoever put it there."""
    return text.replace(key, "***") if key else text
