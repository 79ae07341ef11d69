"""A folder of pictures for the `datasets` library: its splits are folders, never words in names."""

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tag_plugin.data.file_names import (
    SUFFIXES,
    files_below,
    folders,
    pictures_below,
    split_names,
    split_of_name,
)
from tag_plugin.data.rows import Split
from tag_plugin.data.source import SourceError

_TABLES: Final = frozenset((".parquet", ".csv", ".tsv", ".json", ".jsonl", ".arrow", ".tar"))
"""Files that the library reads in ways of its own; a picture folder has none."""
_PACKED: Final = frozenset((".zip", ".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".zst"))


def picture_splits(folder: Path) -> Mapping[Split, str] | None:
    """Split -> pattern of its files, for a folder of pictures; None for any other folder.

    The library itself would take `test subject 1.jpg` for a test split, and drop the rest.

    Raises:
        SourceError: the pictures are packed, or some lie in no split.
    """
    suffixes: dict[str, Path] = {}
    for path in files_below(folder):
        suffixes.setdefault(path.suffix.lower(), path)
    if _TABLES & set(suffixes) or _declares_files(folder):
        return None
    packed = [suffixes[suffix] for suffix in sorted(_PACKED & set(suffixes))]
    if packed:
        raise SourceError(
            f"{packed[0]} is packed, and nothing in it would be read; next: unpack it "
            f"(`unzip {packed[0]} -d {folder}`), move it away and run the same command again"
        )
    return _by_folder(folder) if SUFFIXES & set(suffixes) else None


def _by_folder(folder: Path) -> Mapping[Split, str]:
    splits = split_names(folders(folder), str(folder), "keep one of them")
    if not splits:
        return {"train": _everything(folder)}
    outside = sum(
        split_of_name(path.relative_to(folder).parts[0]) is None for path in pictures_below(folder)
    )
    if outside:
        raise SourceError(
            f"{folder} has split folders ({', '.join(splits)}), but {outside} pictures lie in none "
            "of them; next: move them away, or into a split"
        )
    return {split: _everything(folder / name) for split, name in splits.items()}


def _everything(folder: Path) -> str:
    return f"{glob.escape(str(folder.resolve()))}/**"


def _declares_files(folder: Path) -> bool:
    card = folder / "README.md"
    return card.is_file() and "data_files" in card.read_text(encoding="utf-8", errors="replace")
