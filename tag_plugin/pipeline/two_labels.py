"""One picture under two labels: a copy in another class's folder, or a wrong line of a list.

Pictures are the same where the files of their frames are; only those whose perceptual hash another
row has under another label are read. Rows without a hash are passed over.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Final

import numpy as np

from tag_plugin.data.rows import Row, Split
from tag_plugin.pipeline.duplicates import read_hashes, rows_at

TWO_LABELS: Final = "two_labels.jsonl"


@dataclass(frozen=True, slots=True)
class TwoLabels:
    """Two rows with one picture, and the label of each."""

    id: str
    part: str
    label: str
    of: str
    of_part: str
    of_label: str

    def __str__(self) -> str:
        return f"{self.id} ({self.part}) {self.label}, {self.of} ({self.of_part}) {self.of_label}"


def two_labels(
    directory: Path, files: Mapping[Split, Path] | Mapping[str, Path]
) -> list[TwoLabels]:
    """The rows whose picture another row before them has under another label; part -> file."""
    alike = [(part, row, row.frame.phash) for part, row in _alike(files) if row.frame]
    labels = Counter(phash for phash, _ in {(phash, row.label) for _, row, phash in alike})
    first: dict[bytes, tuple[str, Row]] = {}
    pairs = []
    for part, row, phash in alike:
        if labels[phash] > 1:
            # An image that cannot be read is another check's affair.
            with suppress(OSError), (directory / row.image).open("rb") as file:
                digest = file_digest(file, "sha256").digest()
                of_part, of = first.setdefault(digest, (part, row))
                if of.label != row.label:
                    pairs.append(TwoLabels(row.id, part, row.label, of.id, of_part, of.label))
    return pairs


def in_words(pairs: list[TwoLabels], named: int = 3) -> str:
    """How many, and the first of them."""
    first = "; ".join(map(str, pairs[:named]))
    many = "1 picture stands" if len(pairs) == 1 else f"{len(pairs)} pictures stand"
    return f"{many} under two labels: {first}{'; ...' if len(pairs) > named else ''}"


def _alike(files: Mapping[Split, Path] | Mapping[str, Path]) -> Iterator[tuple[str, Row]]:
    """The rows whose hash another row has as well."""
    hashes = {part: read_hashes(path) for part, path in files.items()}
    values, counts = np.unique(np.concatenate(list(hashes.values())), return_counts=True)
    several = values[(counts > 1) & (values != 0)]
    for part, path in files.items():
        numbers = set(np.flatnonzero(np.isin(hashes[part], several)).tolist())
        yield from ((part, row) for row in rows_at(path, numbers).values())
