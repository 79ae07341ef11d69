"""Under which conditions a number was measured. Two numbers compare only if these are the same."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import ConfigDict

from tag_plugin.facs.frozen import Frozen

ALL_ITEMS: Final = "all"


class Protocol(Frozen):
    """The conditions of one task's evaluation.

    `preparation` are the settings that decided labels and pictures (FERPlus's voting rule, RAF-DB's
    image variant, hashes of the official label files). `n` counts the usable rows of the split,
    `items` says which of them were evaluated: "all", or ranges of their numbers, "0-99,200-299".
    `prompt_hash` identifies the question's wording, `box_frame` is None where no boxes are asked
    for, `model_input` is how the question and its picture reach the model, `decoding` are the
    generation arguments as they take effect, `answers` is the way answers are read, `judge` its
    settings and its version. Version 1 stated neither `model_input` nor the judge's version, and
    its `decoding` is what was asked for. `baselines` is the digest of what the numbers of grounding
    are measured from, None where they have none.
    """

    model_config = ConfigDict(protected_namespaces=())

    version: Literal[1, 2] = 2
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
    model_input: Mapping[str, Any] = {}
    decoding: Mapping[str, Any]
    answers: str
    judge: Mapping[str, Any]
    detector: Mapping[str, Any] | None
    rows_sha256: str
    images_sha256: str
    host_options: Mapping[str, Any] = {}
    baselines: str | None = None

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits that change with every field; stated beside every number."""
        later = {"model_input"} if self.version == 1 else set()  # as it was computed then
        if self.baselines is None:
            later.add("baselines")
        stated = self.model_dump(mode="json", exclude=later)
        text = json.dumps(stated, sort_keys=True, ensure_ascii=False)
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

    A missing nested field is None. What only one of two versions states is left out.
    """
    unstated = set() if first.version == second.version else {"version", "model_input"}
    one, two = (
        dict(_flat(each.model_dump(mode="json", exclude=unstated))) for each in (first, second)
    )
    # an older version did not state how drawn faces were prepared
    left_out = {n for n in one.keys() ^ two.keys() if unstated and n.startswith("preparation.")}
    names = [name for name in dict.fromkeys([*one, *two]) if name not in left_out]
    return {n: (one.get(n), two.get(n)) for n in names if one.get(n) != two.get(n)}


def unstated(protocol: Protocol) -> str | None:
    """What an older protocol says nothing of, in one line; None for one of today."""
    older = (
        f"{protocol.name} was stated by an older tag-plugin, which recorded neither how question "
        "and picture reached the model nor what its generation_config.json added: whether these "
        "were the same is not known; next: evaluate it again"
    )
    return older if protocol.version == 1 else None


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
    return "-" if value is None else str(value).replace("\n", "\\n")
