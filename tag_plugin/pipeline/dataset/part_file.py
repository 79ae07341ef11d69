"""One part of a dataset on disk: a JSONL file, or a folder of files where it is large."""

import shutil
from pathlib import Path
from typing import Self, TextIO

from tag_plugin.data.atomic_write import full_disk_named, private_partial


class PartFile:
    """Writes `<name>.jsonl`, or `<name>/00001-of-00004.jsonl` ... above `rows_per_file` rows.

    Nothing is in its place before `finish`, which also removes what was there in the other form.
    """

    def __init__(self, folder: Path, name: str, rows_per_file: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name, self._rows_per_file = folder, name, rows_per_file
        self._written: list[Path] = []
        self._file = self._next()

    def write(self, line: str) -> None:
        """Add one row."""
        if self._rows == self._rows_per_file:
            with full_disk_named(self._written[-1]):
                self._file.close()
            self._file = self._next()
        with full_disk_named(self._written[-1]):
            self._file.write(line + "\n")
        self._rows += 1

    def finish(self) -> str:
        """Put the rows in their place; the name of the file or the folder."""
        with full_disk_named(self._written[-1]):
            self._file.close()
        single, several = self._folder / f"{self._name}.jsonl", self._folder / self._name
        shutil.rmtree(several, ignore_errors=True)
        if len(self._written) == 1:
            self._written[0].replace(single)
            return single.name
        several.mkdir()
        for number, path in enumerate(self._written, start=1):
            path.replace(several / f"{number:05d}-of-{len(self._written):05d}.jsonl")
        single.unlink(missing_ok=True)
        return several.name

    def _next(self) -> TextIO:
        path = private_partial(self._folder / f"{self._name}-{len(self._written)}")
        self._written.append(path)
        self._rows = 0
        return path.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        """Open since construction."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close; what was not finished is removed."""
        with full_disk_named(self._written[-1]):
            try:
                self._file.close()
            finally:
                for path in self._written:
                    path.unlink(missing_ok=True)
