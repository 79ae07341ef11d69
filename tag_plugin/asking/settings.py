"""What an endpoint can be told: where it is, how it is asked, and what may be spent."""

import json
import os
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tag_plugin.asking.request import AskingError
from tag_plugin.facs.frozen import Frozen

MILLION: Final = 1_000_000

_ANSWER_LENGTHS: Final = ("max_tokens", "max_completion_tokens")
_OURS: Final = ("model", "messages", "stream")
"""Parts of a request that `parameters` may not replace."""
_LONGEST_ANSWER: Final = 4096
"""Tokens of the longest reply, when `parameters` do not say."""


class Price(Frozen, allow_inf_nan=False):
    """What a million tokens cost, in any currency."""

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The cost of one request."""
        return (self.input * prompt_tokens + self.output * completion_tokens) / MILLION


class Limits(Frozen, allow_inf_nan=False):
    """A budget: what all replies in the table together may come to. None is no limit."""

    cost: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    requests: int | None = Field(default=None, gt=0)


class EndpointSettings(Frozen, allow_inf_nan=False):
    """A model behind an endpoint, and how it is asked.

    Attributes:
        model: the name that the endpoint serves it under.
        base_url: the endpoint, up to and with `/v1`; None is OpenAI's own.
        api_key_env: the environment variable that holds the key.
        parameters: sent with every request as they are (temperature, max_tokens, ...).
        send_seed: whether requests carry a seed.
        concurrency: requests in flight.
        timeout: seconds for one try of a request, from sending it to its last byte.
        request_retries: how often a request that failed (429, 5xx, time-out, an answer that is no
            chat completion) is sent again; the client waits as Retry-After says, or 0.5 seconds
            and twice as long each time, up to 8.
        max_reply_bytes: a longer reply is cut off.
    """

    model: str = Field(min_length=1)
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    parameters: dict[str, Any] = Field(default={"temperature": 0.7, "max_tokens": 1024})
    send_seed: bool = True
    concurrency: int = Field(default=8, ge=1, le=4096)
    timeout: float = Field(default=180.0, gt=0, le=86_400)
    request_retries: int = Field(default=8, ge=0, le=1000)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    price: Price = Price()
    budget: Limits = Limits()
    max_reply_bytes: int = Field(default=MILLION, ge=1000, le=100 * MILLION)

    @field_validator("base_url")
    @classmethod
    def _no_secret_in_the_address(cls, url: str | None) -> str | None:
        text = url or "http://none"
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with http:// or https://")
        if parts.port == 0 or not text.isprintable() or " " in text or parts.fragment:
            raise ValueError("must be http://HOST:PORT/v1 and nothing else")
        if parts.username or parts.password or parts.query:
            raise ValueError("must not hold a key; put it into the environment (api_key_env)")
        return url

    @field_validator("budget", "price", "parameters", mode="before")
    @classmethod
    def _empty_is_none_given(cls, value: object) -> object:
        return {} if value is None else value

    @field_validator("parameters")
    @classmethod
    def _fit_for_a_request(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        for name in _OURS:
            if name in parameters:
                raise ValueError(f"{name} is not a parameter; it has a place of its own")
        for name in _ANSWER_LENGTHS:
            value = parameters.get(name)
            if value is not None and (type(value) is not int or value < 1):
                raise ValueError(f"{name} must be a whole number above 0")
        try:
            json.dumps(parameters, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"cannot be sent as JSON ({error})") from None
        return parameters

    @model_validator(mode="after")
    def _priced(self) -> "EndpointSettings":
        if self.budget.cost is not None and self.price == Price():
            raise ValueError("a budget in money needs price: {input: ..., output: ...}")
        return self

    @property
    def longest_answer(self) -> int:
        """Tokens of the longest reply."""
        lengths = map(self.parameters.get, _ANSWER_LENGTHS)
        return next((int(length) for length in lengths if length), _LONGEST_ANSWER)

    @property
    def key(self) -> str | None:
        """The key without spaces around it, as a file or a shell adds them; never told to anyone.

        Raises:
            AskingError: it is none, or OpenAI's own endpoint is asked without one.
        """
        key = os.environ.get(self.api_key_env, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise AskingError(
                f"the environment variable {self.api_key_env} holds characters that no key has; "
                "next: set it to the key alone"
            )
        if not key and self.base_url is None:
            raise AskingError(
                f"no key; next: export {self.api_key_env}=..., or --endpoint for a local server"
            )
        return key or None


def require_client() -> None:
    """What asks is an extra.

    Raises:
        AskingError: it is not installed.
    """
    if find_spec("openai") is None:
        raise AskingError('asking a model needs openai; next: pip install "tag-plugin[write]"')
