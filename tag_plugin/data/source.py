"""What a benchmark's reader hands to `prepare`: faces, and the entries that it had to leave out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tag_plugin.data.face_frame import Crop
from tag_plugin.data.rows import Split


class SourceError(ValueError):
    """A dataset directory that is not in the official layout; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class SourceFace:
    """One labelled face. `id` is unique in the dataset, `image` a file, `label` canonical."""

    id: str
    label: str
    image: Path
    crop: Crop | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that gives no row: `reason` is one of a few fixed phrases, `detail` is free."""

    id: str
    reason: str
    detail: str = ""


class Source(Protocol):
    """A benchmark on disk.

    `dataset` names it (and its directory), `label_set` its classes, `settings` everything that
    decides which rows come out: the rule and the SHA-256 of the label files.
    """

    @property
    def dataset(self) -> str:
        """The name of the dataset, and of its directory."""
        ...

    @property
    def label_set(self) -> str:
        """The name of its label set."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """What decides which rows come out."""
        ...

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """Every entry of a split, always in the same order."""
        ...
