"""What must not stand on two sides of a split: a person where the dataset knows, else a picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tag_plugin.data.rows import BadRow, Row, read_rows
from tag_plugin.data.short_digest import short_digest


@dataclass(frozen=True, slots=True)
class RowKey:
    """A row, and the few things of it that decide where it goes."""

    row: Row

    @property
    def person(self) -> str | None:
        """Who is in it, where the dataset knows."""
        return f"person {self.row.identity}" if self.row.identity else None

    @property
    def picture(self) -> str | None:
        """The hash of its picture, where it is known."""
        return f"picture {self.row.frame.phash}" if self.row.frame else None

    @property
    def key(self) -> str:
        """The person, else the picture's hash, else the row itself."""
        return self.person or self.picture or f"row {self.row.id}"

    @property
    def shown(self) -> tuple[str, ...]:
        """The person and the picture, as far as they are known."""
        return tuple(each for each in (self.person, self.picture) if each is not None)

    def place(self, parts: int) -> int:
        """A number below `parts` that is the same for the same key, for ever."""
        return short_digest(self.key) % parts


def read_keys(path: Path, bad: BadRow) -> Iterator[RowKey]:
    """The rows of a file, one at a time; `bad` is given each line that is no row."""
    return (RowKey(row) for row in read_rows(path, bad))


@dataclass(frozen=True, slots=True)
class Held:
    """The people and pictures of the splits that nothing else may contain."""

    digests: frozenset[int] = frozenset()

    def holds(self, row: RowKey) -> bool:
        """Whether a row shows one of them."""
        return any(short_digest(each) in self.digests for each in row.shown)

    def __or__(self, other: "Held") -> "Held":
        """Those of both."""
        return Held(self.digests | other.digests)


def held(path: Path | None, bad: BadRow) -> Held:
    """Everyone and everything in a file; nothing when there is none."""
    rows = read_keys(path, bad) if path else ()
    return Held(frozenset(short_digest(each) for row in rows for each in row.shown))
