"""A user's own pictures in folders that are named like their classes.

    ROOT/happy/a.jpg  ROOT/sad/b.png ...                     held out by name
    ROOT/{train,dev,test}/happy/a.jpg ...                    Train, validation, PublicTest, ... too

Everything below a class folder belongs to the class. One more folder around either layout, files
that a system left behind, and folders without a picture beside the splits are passed over.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tag_plugin.data.file_names import (
    SUFFIXES,
    check_dataset_name,
    file_id,
    files_below,
    folders,
    is_leftover,
    pictures_below,
    split_of_name,
)
from tag_plugin.data.picture import BAD_NAME, ImageError, check_name
from tag_plugin.data.rows import SPLITS, Split
from tag_plugin.data.source import (
    LEFT_OUT,
    LeftOut,
    Pictures,
    SourceError,
    SourceFace,
    emotion_of,
    held_out,
    map_classes,
)

NO_PICTURE, CLASS_LEFT_OUT, STRAY = (
    "not a picture by its name",
    "class left out",
    "a picture outside the class folders",
)


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
        for path, _, _ in self._files():
            digest.update(os.fsencode(path.relative_to(self.root)) + b"\0")
        classes = ", ".join(f"{name}={label}" for name, label in sorted(self._classes.items()))
        return {"classes": classes, "files": digest.hexdigest(), "identity": self.identity or ""}

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """The pictures of a split, folder by folder, sorted by name."""
        for path, class_name, folder_split in self._files():
            entry = self._entry(path, class_name)
            if (folder_split or held_out(entry)) == split:
                yield entry

    def _entry(self, path: Path, class_name: str | None) -> SourceFace | LeftOut:
        inside = path.relative_to(self.root)
        try:
            check_name(str(inside))
        except ImageError as error:
            return LeftOut(repr(str(inside)), BAD_NAME, str(error))
        if class_name is None:
            return LeftOut(str(inside), STRAY)
        if path.suffix.lower() not in SUFFIXES:
            return LeftOut(str(inside), NO_PICTURE)
        if self._classes[class_name] == LEFT_OUT:
            return LeftOut(str(inside), CLASS_LEFT_OUT, class_name)
        match = re.search(self.identity, str(inside)) if self.identity else None
        person = match[1] if match else None
        return SourceFace(file_id(inside), self._classes[class_name], path, identity=person)

    def _files(self) -> Iterator[tuple[Path, str | None, Split | None]]:
        """Every file below the class folders, with its class and the split that a folder names.

        A picture outside them has no class.
        """
        yield from ((path, None, "train") for path in _pictures(self._top))
        for split, folder in self._class_parents:
            if folder != self._top:
                yield from ((path, None, split) for path in _pictures(folder))
            for name in folders(folder):
                yield from ((path, name, split) for path in files_below(folder / name))

    @cached_property
    def _top(self) -> Path:
        return self._inner(self.root)

    @cached_property
    def _class_parents(self) -> tuple[tuple[Split | None, Path], ...]:
        """The folders that hold class folders, each with its split; None without split folders.

        Raises:
            SourceError: a folder with pictures beside the splits is none of them.
        """
        names = [name for name in folders(self._top) if name not in self.declared]
        splits = {name: split for name in names if (split := split_of_name(name))}
        if not splits:
            return ((None, self._top),)
        for name in folders(self._top):
            if name not in splits and any(pictures_below(self._top / name)):
                raise SourceError(
                    f"{self._top} has split folders ({', '.join(splits)}), but {name!r} beside "
                    "them holds pictures and is none; next: move it away, or into a split"
                )
        return tuple((split, self._inner(self._top / name)) for name, split in splits.items())

    def _inner(self, folder: Path) -> Path:
        """The folder, or the only one in it where its name says nothing and classes lie inside."""
        names = folders(folder)
        inner = folder.joinpath(*names[:1])
        alone = len(names) == 1 and not self._means(names[0])
        return inner if alone and any(map(self._means, folders(inner))) else folder

    def _means(self, name: str) -> bool:
        """Whether a folder's name is a split or a class."""
        return name in self.declared or bool(split_of_name(name) or emotion_of(name))

    @cached_property
    def _classes(self) -> Mapping[str, str]:
        names = {name: None for _, folder in self._class_parents for name in folders(folder)}
        if not names:
            raise SourceError(
                f"{self.root} has no class folders; expected ROOT/happy, ROOT/sad, ... or "
                f"ROOT/{{{','.join(SPLITS)}}}/happy, ..."
            )
        return map_classes(names, self.label_set, self.declared, str(self.root))


def _groups(expression: str) -> int:
    try:
        return re.compile(expression).groups
    except re.error as error:
        raise SourceError(f"--identity {expression!r}: {error}") from None


def _pictures(folder: Path) -> list[Path]:
    """The pictures that lie in a folder itself, sorted."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not is_leftover(path.name) and path.is_file()
    )
