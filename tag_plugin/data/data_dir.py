"""The data directory: one rule for every command and both hosts."""

import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "TAG_DATA_DIR"
DEFAULT: Final = Path("data")
"""Where nothing is said: below the working directory, as the recipes have it."""

_STAGES: Final = ("prepared", "detected", "built")


def data_dir() -> Path:
    """$TAG_DATA_DIR, or ./data; absolute, whether or not it exists."""
    return Path(os.environ.get(VARIABLE) or DEFAULT).absolute()


def in_words(root: Path) -> str:
    """A data directory as a message names it, with what is wrong with it."""
    if any((root / stage).is_dir() for stage in _STAGES):
        return f"{root}, which is a dataset itself: name the folder above it, {root.parent}"
    return str(root) if root.is_dir() else f"{root}, which does not exist"


def datasets_in(root: Path) -> list[str]:
    """The names of the datasets in a data directory, in order."""
    if not root.is_dir():
        return []
    return sorted(
        folder.name
        for folder in root.iterdir()
        if any((folder / stage).is_dir() for stage in _STAGES)
    )
