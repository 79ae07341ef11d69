"""What the readers share: checking published counts, and holding out a dev split from train."""

import hashlib
from collections.abc import Mapping
from typing import Final

from tag_plugin.data.rows import Split
from tag_plugin.data.source import SourceError

DEV_PERCENT: Final = 5
"""Share of an official training split that becomes dev where a benchmark has no split for it."""


def train_or_dev(face_id: str) -> Split:
    """Which side of the hold-out a training face falls on: always the same for the same id."""
    digest = hashlib.sha256(face_id.encode()).digest()
    return "dev" if int.from_bytes(digest[:4], "big") % 100 < DEV_PERCENT else "train"


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
