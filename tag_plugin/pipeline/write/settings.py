"""What a writer can be told: a YAML file, and the command line's flags over it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tag_plugin.data.model_error import first_problem
from tag_plugin.data.settings_file import read_yaml_mapping
from tag_plugin.facs.boxes import BoxFrame

Mode = Literal["insert", "verify"]
MILLION: Final = 1_000_000

_STRICT = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)
_ANSWER_LENGTHS: Final = ("max_tokens", "max_completion_tokens")
_OURS: Final = ("model", "messages", "stream")
"""Parts of a request that `parameters` may not replace."""


class Price(BaseModel):
    """What a million tokens cost, in any currency."""

    model_config = _STRICT

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The cost of one request."""
        return (self.input * prompt_tokens + self.output * completion_tokens) / MILLION


class Limits(BaseModel):
    """A budget: what all replies in the journal together may come to. None is no limit."""

    model_config = _STRICT

    cost: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    requests: int | None = Field(default=None, gt=0)


class WriterSettings(BaseModel):
    """A model that writes traces, and how it is asked.

    Attributes:
        writer: `openai` (an OpenAI-compatible endpoint) or `local` (transformers).
        model: the name that the endpoint serves it under, or a folder or hub id.
        base_url: the endpoint, up to and with `/v1`.
        api_key_env: the environment variable that holds the key.
        mode: `insert` puts the detector's boxes into the prose; `verify` asks for boxes too and
            keeps a trace only when they agree with the detector's.
        box_frame: the coordinates that the model family writes boxes in.
        parameters: sent with every request as they are (temperature, max_tokens, ...).
        send_seed: whether requests carry a seed.
        format_retries: how often a reply that breaks the format is written again.
        label_retries: how often a wrong label is eliminated and the rest asked again.
        min_iou: in mode `verify`, how well each of the writer's boxes must overlap the detector's.
        concurrency: requests in flight.
        timeout: seconds for one request.
        request_retries: how often a request that failed (429, 5xx, time-out) is sent again.
        backoff: seconds before the first of those; doubles up to a minute.
        max_reply_bytes: a longer reply is cut off and counts as a format failure.
        batch_size, device, dtype: for `local`.
    """

    model_config = _STRICT

    writer: Literal["openai", "local"] = "openai"
    model: str = Field(min_length=1)
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    mode: Mode = "insert"
    box_frame: BoxFrame = BoxFrame.RELATIVE
    parameters: dict[str, Any] = Field(default={"temperature": 0.7, "max_tokens": 1024})
    send_seed: bool = True
    format_retries: int = Field(default=3, ge=0, le=100)
    label_retries: int = Field(default=3, ge=0, le=100)
    min_iou: float = Field(default=0.5, ge=0, le=1)
    concurrency: int = Field(default=8, ge=1, le=4096)
    timeout: float = Field(default=180.0, gt=0, le=86_400)
    request_retries: int = Field(default=8, ge=0, le=1000)
    backoff: float = Field(default=1.0, gt=0, le=3600)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    price: Price = Price()
    budget: Limits = Limits()
    max_reply_bytes: int = Field(default=MILLION, ge=1000, le=100 * MILLION)
    batch_size: int = Field(default=8, ge=1, le=4096)
    device: str = "auto"
    dtype: str = "auto"

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
    def _complete(self) -> "WriterSettings":
        if self.writer == "openai" and self.base_url is None:
            raise ValueError("writer openai needs base_url (--endpoint http://HOST:PORT/v1)")
        if self.budget.cost is not None and self.price == Price():
            raise ValueError("a budget in money needs price: {input: ..., output: ...}")
        return self

    @property
    def decisive(self) -> dict[str, Any]:
        """What decides the rows; the endpoint's address, limits and the key do not."""
        names = {"model", "mode", "box_frame", "parameters", "format_retries", "label_retries"}
        return self.model_dump(mode="json", include=names | {"min_iou"})

    @property
    def slots(self) -> int:
        """Requests in flight; `local` prepares a second batch while one is being answered."""
        return 2 * self.batch_size if self.writer == "local" else self.concurrency

    @property
    def rows_in_flight(self) -> int:
        """Rows worked on at a time: enough to keep every slot busy behind a slow row."""
        return 8 * self.slots


def load_settings(file: Path | None, flags: Mapping[str, Any]) -> WriterSettings:
    """The settings of a YAML file, with the flags that were given over them.

    Raises:
        ValueError: not YAML, an unknown or a wrong setting; the message names it.
        OSError: no such file.
    """
    stored = read_yaml_mapping(file) if file else {}
    given = {name: value for name, value in flags.items() if value is not None}
    limits = given.pop("budget", {})
    if limits:
        budget = stored.get("budget")
        given["budget"] = {**budget, **limits} if isinstance(budget, dict) else limits
    try:
        return WriterSettings.model_validate({**stored, **given})
    except ValidationError as error:
        problem = first_problem(error)
        raise ValueError(
            f"{file or 'writer settings'}: {problem}; next: docs/writers.md lists the settings"
        ) from None
