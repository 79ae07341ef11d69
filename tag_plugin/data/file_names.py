"""Names of files and folders as people and machines leave them.

A label file says `a.jpg`, the disk has `A.JPG`; a copy was unpacked into a folder of its own; a
system left its own files between the pictures.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from tag_plugin.data.picture import ImageError
from tag_plugin.data.rows import Split
from tag_plugin.data.source import SourceError

SUFFIXES: Final = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".bmp", ".gif", ".webp"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
    )
)
"""What the names of pictures end in, in lower case."""
AMBIGUOUS: Final = "several files might be meant"

_SPLIT_WORDS: Final[Mapping[str, Split]] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "val", "valid", "validation", "publictest"), "dev"),
    **dict.fromkeys(("test", "testing", "privatetest"), "test"),
}
_LEFTOVERS: Final = frozenset(
    ("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found")
)
_LONGEST_ID: Final = 120
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?")
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


def split_of_name(name: str) -> Split | None:
    """The split that a folder or a part of a set is called after, whatever the case.

    >>> split_of_name("Validation"), split_of_name("train_set"), split_of_name("happy")
    ('dev', 'train', None)
    """
    return _SPLIT_WORDS.get(re.sub(r"[\s_-]?set$", "", name.lower()))


def split_names(names: Iterable[str], where: str, step: str) -> dict[Split, str]:
    """Split -> the one of the names that means it; names that mean none are passed over.

    Args:
        names: of folders, or of the parts of a set.
        where: what they are in, for messages.
        step: what to do next about two names for one split; may hold {split} and {name}.

    Raises:
        SourceError: two of them mean the same split.

    >>> split_names(["train", "Validation", "notes"], "DIR", "keep one")
    {'train': 'train', 'dev': 'Validation'}
    """
    by_split: dict[Split, str] = {}
    for name in names:
        split = split_of_name(name)
        if split in by_split:
            raise SourceError(
                f"{where}: {by_split[split]!r} and {name!r} are both {split}; next: "
                f"{step.format(split=split, name=name)}"
            )
        if split is not None:
            by_split[split] = name
    return by_split


def is_leftover(name: str) -> bool:
    """Whether a system put it there: hidden files, `__MACOSX`, `Thumbs.db` and the like."""
    return name.startswith(".") or name.lower() in _LEFTOVERS


def folders(path: Path) -> list[str]:
    """The names of the folders in a folder, sorted, without leftovers."""
    if not path.is_dir():
        return []
    with os.scandir(path) as entries:
        return sorted(each.name for each in entries if each.is_dir() and not is_leftover(each.name))


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below, sorted, without leftovers; links to folders are not followed."""
    with os.scandir(folder) as entries:
        kept = [entry for entry in entries if not is_leftover(entry.name)]
    for entry in sorted(kept, key=lambda each: each.name):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(folder / entry.name)
        else:
            yield folder / entry.name


def pictures_below(folder: Path) -> Iterator[Path]:
    """The files below that are pictures by their names."""
    return (path for path in files_below(folder) if path.suffix.lower() in SUFFIXES)


def find_inside(root: Path, *parts: str) -> Path:
    """ROOT/part/part..., each whatever its case; as given where there is no such thing.

    Raises:
        ImageError: several files differ by their case alone.
    """
    return find_file(root.joinpath(*parts), root)


def find_file(path: Path, root: Path) -> Path:
    """A file that a label names: as named, or in another case or with another picture's suffix.

    A folder is listed when a name in it is not found as it is, once.

    Raises:
        ImageError: several files might be meant.
    """
    if os.path.lexists(path) or not path.is_relative_to(root):
        return path
    place = root
    for part in path.relative_to(root).parts:
        names = _meant(place, part)
        if len(names) > 1:
            raise ImageError(f"{path}: {' or '.join(names[:3])}? next: rename one", AMBIGUOUS)
        if not names:
            return path
        place /= names[0]
    return place


def unpacked(root: Path, holds: Callable[[Path], bool]) -> Path:
    """The folder of a dataset: ROOT, or the one folder in it that holds it.

    Raises:
        SourceError: several folders in it do.
    """
    if holds(root):
        return root
    inside = [root / name for name in folders(root) if holds(root / name)]
    if len(inside) > 1:
        raise SourceError(
            f"{root} holds the dataset several times: {', '.join(map(str, inside[:5]))}; next: "
            "--root one"
        )
    return inside[0] if inside else root


def plain_id(name: str) -> str:
    """A row id that is fit for a file name everywhere: the name itself where it is plain.

    >>> plain_id("fer0000001"), plain_id("con"), plain_id("a.")
    ('fer0000001', 'con-1143da2b', 'a-5ab640fa')
    """
    if len(name) <= _LONGEST_ID and _PLAIN_ID.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[: _LONGEST_ID - 40].strip(".-") or "face"
    return f"{readable}-{sha256(os.fsencode(name)).hexdigest()[:8]}"


def file_id(path: Path) -> str:
    """A row id from a relative path: readable, fit for a file name, and its own for each path."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", str(path.with_suffix("")))[-80:]
    return f"{readable}-{sha256(os.fsencode(path)).hexdigest()[:8]}"


def same_name(name: str) -> str:
    """Equal for names that some disk takes for one: case and composed letters do not count."""
    return unicodedata.normalize("NFC", name).casefold()


def check_dataset_name(name: str) -> None:
    """A dataset's name becomes a folder and a part of a recipe.

    Raises:
        SourceError: it has other characters than letters, digits, `_` and `-`.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name) or _RESERVED.fullmatch(name):
        raise SourceError(f"{name!r} cannot name a dataset: use letters, digits, _ and -")


def _meant(folder: Path, name: str) -> tuple[str, ...]:
    """The names in a folder that a name may stand for; none where it is no folder."""
    try:
        by_name, by_stem = _listing(folder, folder.stat().st_mtime_ns)
    except OSError:
        return ()
    same = by_name.get(same_name(name), ())
    if name in same:
        return (name,)
    return same or by_stem.get(_stem(name), ())


@lru_cache(maxsize=64)
def _listing(
    folder: Path, _changed: int
) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    """The names in a folder by `same_name`, and those of pictures without their suffix."""
    by_name: dict[str, tuple[str, ...]] = {}
    by_stem: dict[str, tuple[str, ...]] = {}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not is_leftover(entry.name))
    for name in names:
        key, stem = same_name(name), _stem(name)
        by_name[key] = (*by_name.get(key, ()), name)
        if stem != key:
            by_stem[stem] = (*by_stem.get(stem, ()), name)
    return by_name, by_stem


def _stem(name: str) -> str:
    """The name as `same_name`, without a picture's suffix."""
    key = same_name(name)
    suffix = Path(key).suffix
    return key.removesuffix(suffix) if suffix in SUFFIXES else key
