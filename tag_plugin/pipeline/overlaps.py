"""What no single row of a dataset shows: an id used twice, a person or a picture in two splits."""

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import combinations
from tempfile import TemporaryFile
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.short_digest import short_digest

_PLURAL: Final = {"person": "people are", "picture": "pictures are"}


class Overlaps:
    """Takes rows in any order; `with closing(Overlaps()) as overlaps`.

    Only digests are kept, eight bytes each, in temporary files until all rows have been seen.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files: defaultdict[tuple[str, str], IO[bytes]] = defaultdict(self._new_file)

    def add(self, part: str, row_id: str, person: str | None, picture: str | None) -> None:
        """One row of a part: its id, who is in it, and its picture's hash, where these are known.

        SFT and RL are parts of train: the same id in both is used twice.
        """
        split = "train" if part in {"sft", "rl"} else part
        keys = (("id", ""), ("person", part), ("picture", part))
        for key, text in zip(keys, (f"{split} {row_id}", person, picture), strict=True):
            if text is not None:
                self._files[key].write(short_digest(text).to_bytes(8, sys.byteorder))

    def report(self) -> Iterator[tuple[str, str]]:
        """What overlaps among the rows so far, as (kind, text)."""
        ids = _digests(self._files["id", ""])
        repeated = np.count_nonzero(ids[1:] == ids[:-1])
        del ids
        if repeated:
            yield "id used twice", f"{repeated} rows have an id that another row has"
        for kind, plural in _PLURAL.items():
            files = {part: file for (of, part), file in self._files.items() if of == kind}
            by_part = {part: np.unique(_digests(file)) for part, file in sorted(files.items())}
            for first, second in combinations(by_part, 2):
                shared = np.intersect1d(by_part[first], by_part[second], assume_unique=True)
                if len(shared):
                    text = f"{len(shared)} {plural} both in {first} and in {second}"
                    yield f"{kind} in two splits", f"{text}; next: tag-plugin data make"

    def _new_file(self) -> IO[bytes]:
        return self._stack.enter_context(TemporaryFile())

    def close(self) -> None:
        """Remove the files."""
        self._stack.close()


def _digests(file: IO[bytes]) -> NDArray[np.uint64]:
    """What is in a file, sorted."""
    file.seek(0)
    digests = np.fromfile(file, dtype=np.uint64)
    digests.sort()
    return digests
