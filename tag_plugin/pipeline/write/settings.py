"""What a writer can be told: a YAML file, and the command line's flags over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tag_plugin.facs.boxes import BoxFrame

Mode = Literal["insert", "verify"]
MILLION: Final = 1_000_000

_STRICT = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


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
    format_retries: int = Field(default=3, ge=0)
    label_retries: int = Field(default=3, ge=0)
    min_iou: float = Field(default=0.5, ge=0, le=1)
    concurrency: int = Field(default=8, ge=1)
    timeout: float = Field(default=180.0, gt=0)
    request_retries: int = Field(default=8, ge=0)
    backoff: float = Field(default=1.0, gt=0)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    price: Price = Price()
    budget: Limits = Limits()
    max_reply_bytes: int = Field(default=MILLION, ge=1000)
    batch_size: int = Field(default=8, ge=1)
    device: str = "auto"
    dtype: str = "auto"

    @field_validator("base_url")
    @classmethod
    def _no_secret_in_the_address(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with http:// or https://")
        if parts.username or parts.password or parts.query:
            raise ValueError("must not hold a key; put it into the environment (api_key_env)")
        return url

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
    """
    stored: Any = {}
    if file is not None:
        try:
            stored = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise ValueError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(stored, dict):
        raise ValueError(f"{file} must hold settings, one `name: value` a line")
    given = {name: value for name, value in flags.items() if value is not None}
    budget = {**(stored.get("budget") or {}), **given.pop("budget", {})}
    try:
        return WriterSettings.model_validate({**stored, **given, "budget": budget})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "writer"
        raise ValueError(f"{file or 'writer settings'}: {place}: {first['msg']}") from None
