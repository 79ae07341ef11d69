"""What no single row of a dataset shows: an id used twice, a person or a picture in two splits."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import combinations
from tempfile import TemporaryFile
from typing import IO, Final, Self

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.short_digest import short_digest

_PLURAL: Final = {"person": "people are", "picture": "pictures are"}


class Overlaps:
    """Takes rows in any order; `with Overlaps() as overlaps`.

    Only digests are kept, eight bytes each, in temporary files until all rows have been seen.
    """

    def __init__(self) -> None:
        self._files = ExitStack()
        self._ids = self._new_file()
        self._parts: dict[str, dict[str, IO[bytes]]] = {kind: {} for kind in _PLURAL}

    def add(self, part: str, row_id: str, person: str | None, picture: str | None) -> None:
        """One row of a part: its id, who is in it, and its picture's hash, where these are known.

        SFT and RL are parts of train: the same id in both is used twice.
        """
        side = "train" if part in {"sft", "rl"} else part
        self._ids.write(_digest(f"{side} {row_id}"))
        for kind, value in (("person", person), ("picture", picture)):
            if value is not None:
                files = self._parts[kind]
                if part not in files:
                    files[part] = self._new_file()
                files[part].write(_digest(value))

    def found(self) -> Iterator[tuple[str, str]]:
        """What overlaps among the rows so far, as (kind, text)."""
        ids = _in_order(self._ids)
        repeated = np.count_nonzero(ids[1:] == ids[:-1])
        del ids
        if repeated:
            yield "id used twice", f"{repeated} rows have an id that another row has"
        for kind, files in self._parts.items():
            for first, second, shared in _shared(files):
                text = f"{shared} {_PLURAL[kind]} both in {first} and in {second}"
                yield f"{kind} in two splits", f"{text}; next: tag-plugin data make"

    def _new_file(self) -> IO[bytes]:
        return self._files.enter_context(TemporaryFile())

    def __enter__(self) -> Self:
        """Open since construction."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files."""
        self._files.close()


def _digest(text: str) -> bytes:
    return short_digest(text).to_bytes(8, sys.byteorder)


def _shared(files: Mapping[str, IO[bytes]]) -> Iterator[tuple[str, str, int]]:
    """Two parts with digests in common, and how many."""
    digests = {name: np.unique(_in_order(file)) for name, file in sorted(files.items())}
    for first, second in combinations(digests, 2):
        count = len(np.intersect1d(digests[first], digests[second], assume_unique=True))
        if count:
            yield first, second, count


def _in_order(file: IO[bytes]) -> NDArray[np.uint64]:
    """The digests of a file, sorted."""
    file.seek(0)
    digests = np.fromfile(file, dtype=np.uint64)
    digests.sort()
    return digests
