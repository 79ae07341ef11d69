"""The perceptual hashes of the pictures of row files, and the rows at some of their lines."""

from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.rows import Row, RowError, parse_row, row_lines

Hashes = NDArray[np.uint64]


def read_hashes(path: Path) -> Hashes:
    """The hash of every line; 0 of one that has none or is no row."""
    return np.fromiter((_hash(line) for _, line in row_lines(path)), dtype=np.uint64)


def rows_at(path: Path, numbers: set[int]) -> dict[int, Row]:
    """The rows at these lines, counted from 0."""
    lines = islice(row_lines(path), max(numbers, default=-1) + 1)
    return {n: parse_row(line, where) for n, (where, line) in enumerate(lines) if n in numbers}


def _hash(line: str) -> int:
    try:
        row = parse_row(line, "row")
    except RowError:  # named by whoever reads the rows for themselves
        return 0
    return int(row.frame.phash, 16) if row.frame else 0
