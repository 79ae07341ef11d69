"""Pictures that occur in two splits, exact and near duplicates by perceptual hash.

Two hashes at a Hamming distance of at most `distance` differ in at most that many of
`distance + 1` bands, so they share one: only hashes that share a band are compared, which keeps
the work near linear. On FERPlus nearly all pairs up to 4 are the same photograph, at 6 half are.

And one picture under two labels: a copy in another class's folder, or a wrong line of a list.
Pictures are the same where the files of their frames are; only those whose perceptual hash another
row has under another label are read. Rows without a hash are passed over.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.rows import SPLITS, Row, RowError, Split, parse_row, row_lines

Hashes = NDArray[np.uint64]
"""Perceptual hashes of the pictures of a file of rows, in its order; 0 where there is none."""

DISTANCE: Final = 4
"""Bits of 64 that may differ; the hashes differ in an even number of bits."""
PRIORITY: tuple[Split, ...] = ("test", "dev", "train")
"""A duplicate stays in the first of these that holds it, and leaves the others."""

_PAIRS: Final = 1 << 16
"""Pairs compared at a time."""
_ROWS: Final = 1 << 14
"""Hashes of the first side that are looked up at a time: a large train split needs little more."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row whose picture stands in a split that goes before its own."""

    id: str
    split: Split
    of: str
    of_split: Split
    distance: int

    def __str__(self) -> str:
        return f"{self.of} in {self.of_split}, {self.distance} of 64 bits differ"


def find_duplicates(files: Mapping[Split, Path], distance: int = DISTANCE) -> list[Duplicate]:
    """The rows of one split whose picture is in another one that goes before it.

    One entry a row, for its nearest copy. Rows without a hash are not compared.
    """
    hashes = {split: read_hashes(path) for split, path in files.items()}
    copies: dict[tuple[Split, int], tuple[Split, int, int]] = {}
    for split in SPLITS:
        for before in PRIORITY[: PRIORITY.index(split)]:
            if split in hashes and before in hashes:
                places, bits = nearest(hashes[split], hashes[before], distance)
                for mine in np.flatnonzero(bits <= distance).tolist():
                    apart = int(bits[mine])
                    if apart < copies.get((split, mine), ("", 0, distance + 1))[2]:
                        copies[split, mine] = (before, int(places[mine]), apart)
    wanted = {*copies, *((before, theirs) for before, theirs, _ in copies.values())}
    rows = {
        split: rows_at(path, {n for name, n in wanted if name == split})
        for split, path in files.items()
    }
    return [
        Duplicate(rows[split][mine].id, split, rows[before][theirs].id, before, apart)
        for (split, mine), (before, theirs, apart) in sorted(copies.items())
    ]


def read_hashes(path: Path) -> Hashes:
    """The hash of every line; 0 of one that has none or is no row."""
    return np.fromiter((_hash(line) for _, line in row_lines(path)), dtype=np.uint64)


def rows_at(path: Path, numbers: set[int]) -> dict[int, Row]:
    """The rows at these lines, counted from 0."""
    lines = enumerate(islice(row_lines(path), max(numbers, default=-1) + 1))
    return {number: parse_row(line, where) for number, (where, line) in lines if number in numbers}


def _hash(line: str) -> int:
    try:
        frame = parse_row(line, "row").frame
    except RowError:  # named by whoever reads the rows for themselves
        return 0
    return int(frame.phash, 16) if frame else 0


def nearest(
    first: Hashes, second: Hashes, distance: int
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """For each hash of `first` the index of a nearest one in `second`, and the bits between them.

    Only hashes at most `distance` apart are found; 64 bits say that there is none. A hash of 0 is
    no hash.
    """
    places = np.zeros(len(first), dtype=np.int32)
    bits = np.full(len(first), 64, dtype=np.uint8)
    for start in range(0, len(first), _ROWS):
        part = slice(start, start + _ROWS)
        places[part], bits[part] = _nearest(first[part], second, distance)
    return places, bits


def _nearest(
    first: Hashes, second: Hashes, distance: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    places = np.zeros(len(first), dtype=np.int64)
    bits = np.full(len(first), 64, dtype=np.int64)
    for low, high in pairwise(round(band * 64 / (distance + 1)) for band in range(distance + 2)):
        shift, mask = np.uint64(low), np.uint64((1 << (high - low)) - 1)
        keys = (second >> shift) & mask
        order = np.argsort(keys, kind="stable")
        wanted = (first >> shift) & mask
        begin = np.searchsorted(keys[order], wanted, "left")
        counts = np.searchsorted(keys[order], wanted, "right") - begin
        for start, stop in _blocks(counts):
            mine, theirs = _candidates(begin[start:stop], counts[start:stop], order)
            _take_nearer(first, second, mine + start, theirs, places, bits)
    bits[(first == 0) | (bits > distance)] = 64
    return places, bits


def _blocks(counts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Consecutive ranges with about _PAIRS candidates each: bounds the memory."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _PAIRS, "right")))
        yield start, stop
        start = stop


def _candidates(
    begin: NDArray[np.int64], counts: NDArray[np.int64], order: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs that share a band: an index of the block and an index of the other side."""
    mine = np.repeat(np.arange(len(counts)), counts)
    offset = np.arange(len(mine)) - np.repeat(np.cumsum(counts) - counts, counts)
    return mine, order[np.repeat(begin, counts) + offset]


def _take_nearer(
    first: Hashes,
    second: Hashes,
    mine: NDArray[np.int64],
    theirs: NDArray[np.int64],
    places: NDArray[np.int64],
    bits: NDArray[np.int64],
) -> None:
    apart = np.bitwise_count(first[mine] ^ second[theirs]).astype(np.int64)
    apart[second[theirs] == 0] = 64
    better = np.flatnonzero(apart < bits[mine])
    better = better[np.argsort(-apart[better], kind="stable")]  # the nearest is written last
    places[mine[better]], bits[mine[better]] = theirs[better], apart[better]


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
                of_part, of = first.setdefault(file_digest(file, "sha256").digest(), (part, row))
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
