"""What the judge was asked and what it said: one line a reply, on disk before it counts."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from tag_plugin.data.atomic_write import full_disk_named
from tag_plugin.data.text_file import json_lines


class ReplyJournal:
    """An append-only file of replies. A killed run leaves at most half a line, which is dropped.

    The same question (same judge, parameters, words and picture) is never asked again.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = Lock()
        self._replies = _mended(path)
        self._file = path.open("a", encoding="utf-8")

    def reply(self, key: str) -> str | None:
        """What was replied to this question, None when it was not asked yet."""
        return self._replies.get(key)

    def add(self, key: str, reply: str, about: Mapping[str, Any]) -> None:
        """Keep a reply; it is on disk when this returns."""
        line = json.dumps({"key": key, **about, "reply": reply}) + "\n"
        with self._lock:
            with full_disk_named(self._path):
                self._file.write(line)
                self._file.flush()
                os.fsync(self._file.fileno())
            self._replies[key] = reply

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def question_key(judge: str, parameters: Mapping[str, Any], prompt: str, picture: bytes) -> str:
    """The same exactly when the same thing is asked."""
    pictured = hashlib.sha256(picture).hexdigest()
    asked = json.dumps([judge, dict(parameters), prompt, pictured], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:32]


def _mended(path: Path) -> dict[str, str]:
    """The replies of all whole lines; a half one at the end is cut off."""
    if not path.is_file():
        return {}
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return dict(_entry(where, entry) for where, entry in json_lines(path))


def _entry(where: str, entry: object) -> tuple[str, str]:
    key, reply = (entry.get(name) if isinstance(entry, dict) else None for name in ("key", "reply"))
    if not isinstance(key, str) or not isinstance(reply, str):
        raise ValueError(f"{where}: not a judge's reply; next: take this line out of the file")
    return key, reply
