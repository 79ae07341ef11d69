"""One part of a dataset on disk: a JSONL file, or a folder of files where it is large."""

import shutil
from pathlib import Path

from tag_plugin.data.atomic_write import private_partial


class PartFile:
    """Writes `<name>.jsonl`, or `<name>/00001-of-00004.jsonl` ... above `rows_per_file` rows.

    Nothing is in its place before `finish`, which also removes what was there in the other form.
    """

    def __init__(self, folder: Path, name: str, rows_per_file: int) -> None:
        self._several, self._rows_per_file = folder / name, rows_per_file
        self._written: list[Path] = []
        self._begin()

    def write(self, line: str) -> None:
        """Add one row."""
        if self._rows == self._rows_per_file:
            self._file.close()
            self._begin()
        self._file.write(line + "\n")
        self._rows += 1

    def finish(self) -> str:
        """Put the rows in their place; the name of the file or the folder."""
        self._file.close()
        single = self._several.with_name(f"{self._several.name}.jsonl")
        shutil.rmtree(self._several, ignore_errors=True)
        if len(self._written) == 1:
            return self._written[0].replace(single).name
        self._several.mkdir()
        for number, path in enumerate(self._written, start=1):
            path.replace(self._several / f"{number:05d}-of-{len(self._written):05d}.jsonl")
        single.unlink(missing_ok=True)
        return self._several.name

    def close(self) -> None:
        """What was not finished is removed."""
        try:
            self._file.close()
        finally:
            for path in self._written:
                path.unlink(missing_ok=True)

    def _begin(self) -> None:
        path = self._several.with_name(f"{self._several.name}-{len(self._written)}")
        self._written.append(private_partial(path))
        self._file, self._rows = self._written[-1].open("w", encoding="utf-8"), 0
