"""What a benchmark's reader hands to `prepare`: faces, and the entries that it had to leave out.

And what the readers share: checking published counts, and holding out splits by name.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from PIL import Image

from tag_plugin.data.face_frame import Crop
from tag_plugin.data.rows import Split
from tag_plugin.facs.emotions import LABEL_SETS, canonical_emotion, label_set


class SourceError(ValueError):
    """A dataset directory that is not in the official layout; the message says what is expected."""


class Pictures(StrEnum):
    """What the pictures of a dataset show."""

    FACES = "faces"
    SCENES = "scenes"
    UNKNOWN = "unknown"


OpenPicture = Callable[[], Image.Image]
"""Decodes a picture that is no file of its own; picklable. Raises ImageError."""


@dataclass(frozen=True, slots=True)
class SourceFace:
    """One labelled face.

    Attributes:
        id: unique in the dataset, and fit for a file name.
        label: the canonical emotion.
        image: the file, or how to decode a picture that lies in no file of its own.
        crop: where the face is; None where the dataset does not say.
        identity: who it is, where the dataset says.
        attributes: what else it says about the person.
        votes: what people chose, where it is known.
    """

    id: str
    label: str
    image: Path | OpenPicture
    crop: Crop | None = None
    identity: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    votes: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that gives no row: `reason` is one of a few fixed phrases, `detail` is free."""

    id: str
    reason: str
    detail: str = ""


class Source(Protocol):
    """A benchmark on disk.

    `dataset` names it (and its directory), `label_set` its classes, `root` the folder that holds
    every file of it, `pictures` what they show, `settings` everything that decides which rows come
    out: the rule and the SHA-256 of the label files.
    """

    @property
    def dataset(self) -> str:
        """The name of the dataset, and of its directory."""

    @property
    def label_set(self) -> str:
        """The name of its label set."""

    @property
    def root(self) -> Path:
        """No file outside it is read."""

    @property
    def pictures(self) -> Pictures:
        """What a picture without a `crop` shows."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What decides which rows come out."""

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """Every entry of a split, always in the same order."""


DEV_PERCENT: Final = 5
"""Share of an official training split that becomes dev where a benchmark has no split for it."""
TEST_PERCENT: Final = 10
"""Share of a set without splits that becomes test; DEV_PERCENT of it becomes dev."""


def train_or_dev(face_id: str) -> Split:
    """Which side of the hold-out a training face falls on: always the same for the same id."""
    return "dev" if _place(face_id) < DEV_PERCENT else "train"


def held_out(entry: SourceFace | LeftOut) -> Split:
    """Where an entry goes when nothing says it: 10 % test, 5 % dev, a person always in one."""
    place = _place((isinstance(entry, SourceFace) and entry.identity) or entry.id)
    if place < TEST_PERCENT:
        return "test"
    return "dev" if place < TEST_PERCENT + DEV_PERCENT else "train"


def _place(key: str) -> int:
    """A number below 100, always the same for a key."""
    digest = hashlib.sha256(key.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:4], "big") % 100


def by_label(label_set: str, *counts: int) -> Mapping[str, int]:
    """Counts in the order of a label set, by label."""
    return dict(zip(LABEL_SETS[label_set].labels, counts, strict=True))


def compare_counts(
    dataset: str, counts: Mapping[str, int], official: Mapping[str, int], access: str
) -> str:
    """How the faces of each class compare with the published ones: `as published`, or how not.

    Raises:
        SourceError: as many faces as published, but in other classes: the codes are permuted.
    """
    if all(counts.get(label, 0) == count for label, count in official.items()):
        return "as published"
    total, expected = sum(counts.values()), sum(official.values())
    if total == expected:
        wrong = ", ".join(
            f"{label} {counts.get(label, 0)} (published {count})"
            for label, count in official.items()
            if counts.get(label, 0) != count
        )
        raise SourceError(
            f"{dataset}: {total} faces as published, but the classes differ: {wrong}. The class "
            f"codes of this copy are permuted; next: use the official release. {access}"
        )
    return f"{total} faces, published {expected}"


LEFT_OUT: Final = ""
"""What a class is mapped to that gives no rows."""

_NUMBER = re.compile(r"^\d+[\s_.-]+")


def map_classes(
    names: Iterable[str], label_set_name: str, declared: Mapping[str, str], where: str
) -> Mapping[str, str]:
    """Class name -> canonical label of the label set; LEFT_OUT for a class that is to be left out.

    A name is read as people write it: `Happy`, `4_happiness`, `joy`. `declared` maps the rest.

    Raises:
        SourceError: a name that is no emotion of the label set, numbers instead of names, or two
            classes that mean the same without being declared so; the message says the option.
    """
    labels = label_set(label_set_name)
    meant = {name: labels.canonical(declared.get(name, _NUMBER.sub("", name))) for name in names}
    meant |= {name: LEFT_OUT for name in meant if declared.get(name) == LEFT_OUT}
    mapped = {name: label for name, label in meant.items() if label is not None}
    if len(mapped) < len(meant):
        unknown = [name for name in meant if name not in mapped]
        raise SourceError(_explained(unknown, label_set_name, where))
    _require_one_class_each(mapped, declared, where)
    return mapped


def emotion_of(name: str) -> str | None:
    """The emotion of any label set that a class is called after."""
    return canonical_emotion(_NUMBER.sub("", name))


def _explained(unknown: list[str], label_set_name: str, where: str) -> str:
    classes = ", ".join(label_set(label_set_name).labels)
    hint = "; --labels basic8 has contempt too" if any(map(emotion_of, unknown)) else ""
    return (
        f"{where}: {', '.join(map(repr, unknown[:12]))} "
        f"{'is no class' if len(unknown) == 1 else 'are no classes'} of "
        f"{label_set_name} ({classes}). Classes go by name, never by number; next: say what each "
        f"is with --class {unknown[0]}=EMOTION, or leave it out with --class {unknown[0]}={hint}"
    )


def _require_one_class_each(
    mapped: Mapping[str, str], declared: Mapping[str, str], where: str
) -> None:
    seen: dict[str, str] = {}
    for name, label in mapped.items():
        if label != LEFT_OUT and label in seen and not {name, seen[label]} & set(declared):
            raise SourceError(
                f"{where}: {seen[label]!r} and {name!r} are both {label}; next: if that is meant, "
                f"say so with --class {name}={label}"
            )
        seen[label] = name
