"""One picture under two labels: a copy in another class's folder, or a wrong line of a list.

Pictures are the same where the files of their frames are; only those whose perceptual hash another
row has under another label are read. Rows without a hash are passed over.
"""

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Final

import numpy as np

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.rows import Split, row_lines
from tag_plugin.data.text_file import TextFileError, parse_json

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
    hashes, labels = array("Q"), array("Q")
    numbers: dict[str, int] = {}
    for row in _rows(files):
        hashes.append(row.phash)
        labels.append(numbers.setdefault(row.label, len(numbers)))
    wanted = _candidates(hashes, labels)
    first: dict[bytes, _Row] = {}
    pairs = []
    for row in (row for n, row in enumerate(_rows(files)) if n in wanted) if wanted else ():
        digest = _digest(directory / row.image)
        if digest is not None:
            of = first.setdefault(digest, row)
            if of.label != row.label:
                pairs.append(TwoLabels(row.id, row.part, row.label, of.id, of.part, of.label))
    return pairs


def write_two_labels(path: Path, pairs: list[TwoLabels]) -> None:
    """List them, a JSON object a line; no file where there are none."""
    if not pairs:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in pairs)


def in_words(pairs: list[TwoLabels], named: int = 3) -> str:
    """How many, and the first of them."""
    first = "; ".join(map(str, pairs[:named]))
    many = "1 picture stands" if len(pairs) == 1 else f"{len(pairs)} pictures stand"
    return f"{many} under two labels: {first}{'; ...' if len(pairs) > named else ''}"


def _candidates(hashes: "array[int]", labels: "array[int]") -> set[int]:
    """The numbers of the rows whose hash stands under several labels."""
    if not hashes:
        return set()
    values = np.frombuffer(hashes, dtype=np.uint64)
    kinds = np.frombuffer(labels, dtype=np.uint64)
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.concatenate(([True], values[order][1:] != values[order][:-1])))
    lowest = np.minimum.reduceat(kinds[order], starts)
    highest = np.maximum.reduceat(kinds[order], starts)
    group = np.repeat(np.arange(len(starts)), np.diff([*starts, len(order)]))
    return set(order[lowest[group] < highest[group]].tolist())


def _digest(path: Path) -> bytes | None:
    """SHA-256 of a frame; None where it cannot be read, which is another check's affair."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").digest()
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class _Row:
    """What is looked at of a row."""

    id: str
    part: str
    label: str
    image: str
    phash: int


def _rows(files: Mapping[Split, Path] | Mapping[str, Path]) -> Iterator[_Row]:
    """Every row that has a hash; what is no row is another check's affair."""
    for part, path in files.items():
        for where, line in row_lines(path):
            try:
                row = parse_json(line, where)
                phash = int(row["frame"]["phash"], 16)
                label, image = str(row["label"]), str(row["image"])
                yield _Row(str(row["id"]), part, label, image, phash)
            except (TextFileError, KeyError, TypeError, ValueError):
                continue
