"""What must not stand on two sides of a split: a person where the dataset knows, else a picture."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tag_plugin.data.rows import row_lines
from tag_plugin.data.short_digest import short_digest


@dataclass(frozen=True, slots=True)
class RowKey:
    """The few things of a row's line that decide where it goes; the line itself stays as it is."""

    line: str
    id: str
    label: str
    person: str | None
    picture: str | None

    @property
    def key(self) -> str:
        """The person, else the picture's hash, else the row itself."""
        return self.person or self.picture or f"row {self.id}"

    @property
    def shown(self) -> tuple[str, ...]:
        """The person and the picture, as far as they are known."""
        return tuple(each for each in (self.person, self.picture) if each is not None)

    def place(self, parts: int) -> int:
        """A number below `parts` that is the same for the same key, for ever."""
        return short_digest(self.key) % parts


def read_keys(path: Path) -> Iterator[RowKey]:
    """The rows of a file, one at a time, not validated."""
    return (_key(line.rstrip("\n")) for _, line in row_lines(path))


@dataclass(frozen=True, slots=True)
class Held:
    """The people and pictures of the splits that nothing else may contain."""

    digests: frozenset[int]

    def holds(self, row: RowKey) -> bool:
        """Whether a row shows one of them."""
        return any(short_digest(each) in self.digests for each in row.shown)


def held(paths: Iterable[Path]) -> Held:
    """Everyone and everything in these files."""
    rows = (row for path in paths for row in read_keys(path))
    return Held(frozenset(short_digest(each) for row in rows for each in row.shown))


def _key(line: str) -> RowKey:
    content = json.loads(line)
    frame, identity = content.get("frame"), content.get("identity")
    person = f"person {identity}" if identity else None
    picture = f"picture {frame['phash']}" if frame else None
    return RowKey(line, content["id"], content["label"], person, picture)
