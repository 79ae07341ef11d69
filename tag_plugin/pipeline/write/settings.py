"""What a writer can be told: a YAML file, and the command line's flags over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from tag_plugin.asking.settings import EndpointSettings
from tag_plugin.data.model_error import checked
from tag_plugin.data.settings_file import read_yaml_mapping
from tag_plugin.data.terminal import warn
from tag_plugin.facs.boxes import BoxFrame

Mode = Literal["insert", "verify"]

_LOCAL: Final = ("batch_size", "device", "dtype")
"""Settings of a writer that is gone."""


class WriterSettings(EndpointSettings):
    """A model that writes traces, and how it is asked.

    Attributes:
        writer: `openai`, an OpenAI-compatible endpoint.
        mode: `insert` puts the detector's boxes into the prose; `verify` asks for boxes too and
            keeps a trace only when they agree with the detector's.
        box_frame: the coordinates that the model family writes boxes in.
        format_retries: how often a reply that breaks the format is written again.
        label_retries: how often a wrong label is eliminated and the rest asked again.
        min_iou: in mode `verify`, how well each of the writer's boxes must overlap the detector's.
    """

    writer: Literal["openai"] = "openai"
    mode: Mode = "insert"
    box_frame: BoxFrame = BoxFrame.RELATIVE
    format_retries: int = Field(default=3, ge=0, le=100)
    label_retries: int = Field(default=3, ge=0, le=100)
    min_iou: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _addressed(self) -> "WriterSettings":
        if self.base_url is None:
            raise ValueError("a writer needs base_url (--endpoint http://HOST:PORT/v1)")
        return self

    @property
    def decisive(self) -> dict[str, Any]:
        """What decides the rows; the endpoint's address, limits and the key do not."""
        names = {"model", "mode", "box_frame", "parameters", "format_retries", "label_retries"}
        return self.model_dump(mode="json", include=names | {"min_iou"})


def load_settings(file: Path | None, flags: Mapping[str, Any]) -> WriterSettings:
    """The settings of a YAML file, with the flags that were given over them.

    Raises:
        ValueError: not YAML, an unknown or a wrong setting; the message names it.
        OSError: no such file.
    """
    where, stored = file or "writer settings", read_yaml_mapping(file) if file else {}
    if stored.pop("backoff", None) is not None:
        warn(f"{where}: backoff does nothing any more: the client has its own; next: remove it")
    merged = {**stored, **{name: value for name, value in flags.items() if value not in (None, {})}}
    if isinstance(stored.get("budget"), dict):
        merged["budget"] = {**stored["budget"], **(flags.get("budget") or {})}
    local = [name for name in _LOCAL if name in merged]
    if local or merged.get("writer") == "local":
        raise ValueError(
            f"{where}: {', '.join(local) or 'writer local'}: no model runs in this process any "
            "more; next: serve it with llamafactory-cli api, vLLM or SGLang and name its address "
            "with --writer openai --endpoint (docs/writers.md has the commands)"
        )
    return checked(
        WriterSettings,
        merged,
        f"{where}: ",
        "; next: docs/writers.md lists the settings",
        ValueError,
    )
