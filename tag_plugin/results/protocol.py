"""Under which conditions a number was measured. Two numbers compare only if these are the same."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

ALL_ITEMS: Final = "all"


class Protocol(BaseModel):
    """The conditions of one task's evaluation.

    `preparation` are the settings that decided labels and pictures (FERPlus's voting rule, RAF-DB's
    image variant, hashes of the official label files). `n` counts the usable rows of the split,
    `items` says which of them were evaluated: "all", or ranges of their numbers, "0-99,200-299".
    `prompt_hash` identifies the question's wording, `box_frame` is None where no boxes are asked
    for, `decoding` are the host's generation arguments, `answers` is the way answers are read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    task: str
    task_version: str
    dataset: str
    split: str
    n: int
    items: str = ALL_ITEMS
    label_set: str
    labels: tuple[str, ...]
    preparation: Mapping[str, Any]
    image: str
    style: str
    prompt_hash: str
    box_frame: str | None
    decoding: Mapping[str, Any]
    answers: str
    judge: Mapping[str, Any]
    detector: Mapping[str, Any] | None
    rows_sha256: str
    images_sha256: str
    host_options: Mapping[str, Any] = {}

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits that change with every field; stated beside every number."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Name, version and fingerprint: `tag_ferplus v1.0 [0123456789ab]`."""
        return f"{self.task} v{self.task_version} [{self.fingerprint}]"

    def lines(self) -> list[str]:
        """The fields as text, one a line, for people."""
        fields = self.model_dump(mode="json", exclude={"version", "task", "task_version"})
        return [f"{name}: {_text(value)}" for name, value in fields.items()]


def differences(first: Protocol, second: Protocol) -> dict[str, tuple[Any, Any]]:
    """The fields that differ, nested ones with a dot, and both values; empty when equal.

    A missing nested field is None.
    """
    one, two = (dict(_flat(each.model_dump(mode="json"))) for each in (first, second))
    names = [*one, *(name for name in two if name not in one)]
    return {n: (one.get(n), two.get(n)) for n in names if one.get(n) != two.get(n)}


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        if isinstance(each, dict):
            yield from _flat(each, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", each


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "[]"
    return "-" if value is None else str(value)
