"""One picture under two labels: a copy in another class's folder, or a wrong line of a list.

Pictures are the same where the perceptual hash of their frames is; rows without one are passed
over, and frames without detail, which are all alike.
"""

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.rows import Split, row_lines
from tag_plugin.data.text_file import TextFileError, parse_json

TWO_LABELS: Final = "two_labels.jsonl"
_NO_DETAIL: Final = 2
"""A hash with fewer bits set is of a frame of one colour."""


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


def two_labels(files: Mapping[Split, Path] | Mapping[str, Path]) -> list[TwoLabels]:
    """The rows whose picture another row before them has under another label; part -> file."""
    hashes, labels = array("Q"), array("Q")
    numbers: dict[str, int] = {}
    for _, _, label, digest in _rows(files):
        hashes.append(digest)
        labels.append(numbers.setdefault(label, len(numbers)))
    pairs = _pairs(hashes, labels)
    wanted = {*pairs, *pairs.values()}
    rows = {n: row[:3] for n, row in enumerate(_rows(files)) if n in wanted} if wanted else {}
    return [TwoLabels(*rows[mine], *rows[other]) for mine, other in sorted(pairs.items())]


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


def _pairs(hashes: "array[int]", labels: "array[int]") -> dict[int, int]:
    """Number of a row -> number of the first row with its hash, where the labels differ."""
    if not hashes:
        return {}
    values = np.frombuffer(hashes, dtype=np.uint64)
    kinds = np.frombuffer(labels, dtype=np.uint64)
    order = np.argsort(values, kind="stable")
    first = np.concatenate(([True], values[order][1:] != values[order][:-1]))
    of = order[np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))]
    clear = np.bitwise_count(values[order]) >= _NO_DETAIL
    differ = np.flatnonzero(clear & (kinds[order] != kinds[of]))
    return {int(order[place]): int(of[place]) for place in differ}


def _rows(files: Mapping[Split, Path] | Mapping[str, Path]) -> Iterator[tuple[str, str, str, int]]:
    """(id, part, label, hash) of every row that has a hash; what is no row is another's affair."""
    for part, path in files.items():
        for where, line in row_lines(path):
            try:
                row = parse_json(line, where)
                yield str(row["id"]), part, str(row["label"]), int(row["frame"]["phash"], 16)
            except (TextFileError, KeyError, TypeError, ValueError):
                continue
