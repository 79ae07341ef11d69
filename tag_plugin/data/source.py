"""What a benchmark's reader hands to `prepare`: faces, and the entries that it had to leave out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from PIL import Image

from tag_plugin.data.face_frame import Crop
from tag_plugin.data.rows import Split


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
    """

    id: str
    label: str
    image: Path | OpenPicture
    crop: Crop | None = None
    identity: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


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
