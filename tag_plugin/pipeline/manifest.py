"""The manifest of a stage: its settings and, for each finished split, what came out.

It is what lets a stage resume: a split that is in it is finished, and other settings than the
recorded ones are refused, so that one directory never mixes two of them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.pipeline.journal import StageError


@dataclass
class Manifest:
    """`settings` decide the rows; `splits` holds a summary of each finished split.

    A shard's manifest also says what belongs to it: `expects` are the splits it has to finish, and
    `waiting_for` the shards that have to finish before the whole can be joined.
    """

    path: Path
    settings: dict[str, Any]
    splits: dict[str, dict[str, Any]] = field(default_factory=dict)
    expects: tuple[str, ...] = ()
    waiting_for: tuple[str, ...] = ()

    def save(self) -> None:
        """Write the file in one step."""
        content: dict[str, Any] = {"settings": self.settings, "splits": self.splits}
        if self.expects:
            content["expects"] = list(self.expects)
        write_json(self.path, content)


def open_manifest(path: Path, settings: Mapping[str, Any], command: str) -> Manifest:
    """The manifest on disk, or a new one.

    Raises:
        StageError: it was made with other settings, or cannot be read.
    """
    wanted = json.loads(json.dumps(settings))
    if not path.is_file():
        return Manifest(path, wanted)
    stored = read_json(path)
    changes = _changes(stored.get("settings", {}), wanted)
    if changes:
        raise StageError(
            f"{path} was made with other settings ({'; '.join(changes)}); next: `{command} "
            "--restart` makes it anew, or use another data directory"
        )
    return Manifest(path, wanted, stored.get("splits", {}))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        StageError: not a JSON object; the message names the file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StageError(f"{path} is not JSON ({error}); next: mend or remove it") from None
    if not isinstance(content, dict):
        raise StageError(f"{path} is not a JSON object; next: mend or remove it")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object in one step: a reader never sees half of it."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    with atomic_write(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _changes(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {stored.get(name)} -> {wanted.get(name)}"
        for name in sorted({*stored, *wanted})
        if stored.get(name) != wanted.get(name)
    ]
