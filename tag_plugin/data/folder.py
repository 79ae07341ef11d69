"""A user's own pictures in folders that are named like their classes.

    ROOT/happy/a.jpg  ROOT/sad/b.png ...                     held out by name: see `held_out`
    ROOT/{train,dev,test}/happy/a.jpg ...                    val, valid and validation are dev

Everything below a class folder belongs to the class.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tag_plugin.data.class_names import LEFT_OUT, map_classes
from tag_plugin.data.picture import BAD_NAME, ImageError, check_name
from tag_plugin.data.rows import SPLITS, Split
from tag_plugin.data.source import LeftOut, Pictures, SourceError, SourceFace

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
SPLIT_FOLDERS: Mapping[str, Split] = MappingProxyType(
    {
        "train": "train",
        "training": "train",
        "dev": "dev",
        "val": "dev",
        "valid": "dev",
        "validation": "dev",
        "test": "test",
        "testing": "test",
    }
)
DEV_PERCENT, TEST_PERCENT = 5, 10
NO_PICTURE, CLASS_LEFT_OUT = "not a picture by its name", "class left out"


@dataclass(frozen=True)
class ImageFolder:
    """The reader of one directory of class folders.

    Attributes:
        root: the directory.
        dataset: what the dataset is called from now on.
        label_set: its classes; basic7 or basic8 fit most.
        declared: class folder -> emotion, where the name does not say it; "" leaves it out.
        identity: a regular expression with one group that finds the person in a path relative to
            the class folder; a person's pictures then stay in one split.

    Raises:
        SourceError: no class folders, a name that is no class, or a bad expression.
    """

    root: Path
    dataset: str
    label_set: str = "basic7"
    declared: Mapping[str, str] = field(default_factory=dict)
    identity: str | None = None
    pictures: Pictures = Pictures.UNKNOWN

    def __post_init__(self) -> None:
        check_dataset_name(self.dataset)
        if self.identity is not None and _groups(self.identity) != 1:
            raise SourceError(f"--identity {self.identity!r} needs exactly one (group)")
        _ = self._classes

    @property
    def settings(self) -> Mapping[str, str]:
        """The classes, and the names of all files: another file is another dataset."""
        digest = hashlib.sha256()
        for path, _ in self._files():
            digest.update(os.fsencode(path.relative_to(self.root)) + b"\0")
        classes = ", ".join(f"{name}={label}" for name, label in sorted(self._classes.items()))
        return {"classes": classes, "files": digest.hexdigest(), "identity": self.identity or ""}

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """The pictures of a split, folder by folder, sorted by name."""
        for path, folder_split in self._files():
            entry = self._entry(path)
            if (folder_split or self._held_out(entry)) == split:
                yield entry

    def _entry(self, path: Path) -> SourceFace | LeftOut:
        inside = path.relative_to(self.root)
        try:
            check_name(str(inside))
        except ImageError as error:
            return LeftOut(repr(str(inside)), BAD_NAME, str(error))
        name = inside.parts[1 if inside.parts[0] in self._split_folders else 0]
        if path.suffix.lower() not in SUFFIXES:
            return LeftOut(str(inside), NO_PICTURE)
        if self._classes[name] == LEFT_OUT:
            return LeftOut(str(inside), CLASS_LEFT_OUT, name)
        found = re.search(self.identity, str(inside)) if self.identity else None
        who = found[1] if found else None
        return SourceFace(file_id(inside), self._classes[name], path, identity=who)

    def _held_out(self, entry: SourceFace | LeftOut) -> Split:
        who = entry.identity if isinstance(entry, SourceFace) else None
        return held_out(who or entry.id)

    def _files(self) -> Iterator[tuple[Path, Split | None]]:
        """Every file below the class folders, with the split that its folder names."""
        for name in self._split_folders or ("",):
            for class_name in _folders(self.root / name):
                for path in _walk(self.root / name / class_name):
                    yield path, SPLIT_FOLDERS.get(name)

    @cached_property
    def _split_folders(self) -> tuple[str, ...]:
        found = _folders(self.root)
        return tuple(found) if found and all(name in SPLIT_FOLDERS for name in found) else ()

    @cached_property
    def _classes(self) -> Mapping[str, str]:
        names = {
            name: None
            for part in self._split_folders or ("",)
            for name in _folders(self.root / part)
        }
        if not names:
            raise SourceError(
                f"{self.root} has no class folders; expected ROOT/happy, ROOT/sad, ... or "
                f"ROOT/{{{','.join(SPLITS)}}}/happy, ..."
            )
        return map_classes(names, self.label_set, self.declared, str(self.root))


def held_out(key: str) -> Split:
    """Where a picture goes when nothing says it: 10 % test, 5 % dev, always the same for a key."""
    digest = hashlib.sha256(key.encode(errors="surrogateescape")).digest()
    place = int.from_bytes(digest[:4], "big") % 100
    if place < TEST_PERCENT:
        return "test"
    return "dev" if place < TEST_PERCENT + DEV_PERCENT else "train"


def file_id(path: Path) -> str:
    """A row id from a relative path: readable, fit for a file name, and its own for each path."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", str(path.with_suffix("")))[-80:]
    return f"{readable}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


def check_dataset_name(name: str) -> None:
    """A dataset's name becomes a folder and a part of a recipe.

    Raises:
        SourceError: it has other characters than letters, digits, `_` and `-`.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise SourceError(f"{name!r} cannot name a dataset: use letters, digits, _ and -")


def _groups(expression: str) -> int:
    try:
        return re.compile(expression).groups
    except re.error as error:
        raise SourceError(f"--identity {expression!r}: {error}") from None


def _folders(path: Path) -> list[str]:
    if not path.is_dir():
        return []
    with os.scandir(path) as found:
        return sorted(
            each.name for each in found if each.is_dir() and not each.name.startswith(".")
        )


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below, sorted; links to folders are not followed."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda each: each.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name)
        elif not entry.name.startswith("."):
            yield folder / entry.name
