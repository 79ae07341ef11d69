"""What the readers share: checking published counts, and holding out splits by name."""

import hashlib
from collections.abc import Mapping
from typing import Final

from tag_plugin.data.rows import Split
from tag_plugin.data.source import LeftOut, SourceError, SourceFace
from tag_plugin.facs.emotions import LABEL_SETS

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
