"""The manifest of a stage: its settings and, for each finished split, what came out.

It is what lets a stage resume: a split that is in it is finished, and other settings than the
recorded ones are refused, so that one directory never mixes two of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.model_error import checked
from tag_plugin.data.rows import Split
from tag_plugin.data.text_file import TextFileError, read_json_object
from tag_plugin.pipeline.outcomes import StageError

_Count = Annotated[int, Field(ge=0)]


class _Drops(BaseModel, extra="allow", strict=True):
    count: _Count
    ids: list[str]


class _Statistics(BaseModel, extra="allow", strict=True):
    by_class: dict[str, dict[str, _Count]]
    kept_after_attempts: dict[str, _Count]
    attempts: dict[str, _Count]
    eliminated: dict[str, dict[str, _Count]]
    failed_requests: dict[str, _Count]
    replies: _Count
    prompt_tokens: _Count
    completion_tokens: _Count
    cost: float


class _Summary(BaseModel, extra="allow", strict=True):
    inputs: _Count
    rows: _Count
    counts: dict[str, _Count]
    dropped: dict[str, _Drops]
    resumed_at: _Count
    inputs_per_second: float | None
    by_class: dict[str, dict[str, _Count]] = {}
    writer_statistics: _Statistics | None = None


class _Stored(BaseModel, extra="allow", strict=True):
    """What a manifest's file must hold for every reader of it; more is allowed."""

    settings: dict[str, Any] = {}
    splits: dict[Split, _Summary] = {}


@dataclass
class Manifest:
    """`settings` decide the rows; `splits` holds a summary of each finished split.

    `waiting_for`, which is not saved, are the shares of the parts that are not made.
    """

    path: Path
    settings: dict[str, Any]
    splits: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting_for: tuple[str, ...] = ()

    def save(self) -> None:
        """Write the file in one step."""
        write_json(self.path, {"settings": self.settings, "splits": self.splits})


def open_manifest(path: Path, settings: Mapping[str, Any], command: str) -> Manifest:
    """The manifest on disk, or a new one.

    Raises:
        StageError: it was made with other settings, or cannot be read.
    """
    wanted = json.loads(json.dumps(settings))
    if not path.is_file():
        return Manifest(path, wanted)
    stored = read_manifest(path)
    before = stored.get("settings", {})
    changes = [
        f"{name}: {before.get(name)} -> {wanted.get(name)}"
        for name in sorted({*before, *wanted})
        if before.get(name) != wanted.get(name)
    ]
    if changes:
        raise StageError(
            f"{path} was made with other settings ({'; '.join(changes)}); next: `{command} "
            "--restart` makes it anew, or use another data directory"
        )
    return Manifest(path, wanted, stored.get("splits", {}))


def read_manifest(path: Path) -> dict[str, Any]:
    """What a manifest's file holds of `settings` and `splits`.

    Raises:
        StageError: not a manifest; the message names the file.
    """
    content = read_json(path)
    checked(
        _Stored,
        content,
        f"{path}: ",
        ": not the manifest of a stage of today; next: the stage's command with --restart "
        "(`prepare synth`: the same command again) makes it anew",
        StageError,
    )
    return content


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        StageError: not a JSON object; the message names the file.
        OSError: missing, or not to be opened.
    """
    try:
        return read_json_object(path)
    except TextFileError as error:
        raise StageError(f"{error}; next: mend or remove it") from None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object in one step: a reader never sees half of it."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_list(path: Path, values: Sequence[Any]) -> None:
    """Dataclasses as JSON objects, one a line; no file where there are none."""
    lines = [json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in values]
    if lines:
        write_text(path, "".join(lines))
    else:
        path.unlink(missing_ok=True)
