"""Detections that another run, or another tool, has written to a file of rows."""

from collections.abc import Mapping
from pathlib import Path

from tag_plugin.data.rows import DetectorInfo, Row, read_rows
from tag_plugin.data.text_file import TextFileError
from tag_plugin.detectors.base import (
    DetectorError,
    NoDetectionsError,
    ReadImage,
    RowDetector,
)
from tag_plugin.facs.detections import Detections


class CachedDetector(RowDetector):
    """Looks a row's detections up by its id; the pixels are never read.

    A line that is no row is named and passed over: its face has no detections here.

    Args:
        rows: a JSONL file of rows that carry `detections` (None: no face) and one `detector`, or a
            folder of them.

    Raises:
        DetectorError: no such file, no rows, rows without a detector or of several detectors, an
            id with two answers.
    """

    def __init__(self, rows: str | Path) -> None:
        self._path = Path(rows)
        self._found, self.info = _load(self._path)
        self.supported = frozenset[int]().union(
            *(found.supported for found in self._found.values() if found is not None)
        )

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The stored detections of this row.

        Raises:
            NoDetectionsError: the file has no row of this id.
        """
        try:
            return self._found[row.id]
        except KeyError:
            raise NoDetectionsError(
                f"{self._path} has no row {row.id!r}; next: run `tag-plugin detect` over it with "
                "a detector that looks at images"
            ) from None


def _load(path: Path) -> tuple[Mapping[str, Detections | None], DetectorInfo]:
    if not path.exists():
        raise DetectorError(f"no file {path}: the cached detector needs a JSONL file of rows")
    found: dict[str, Detections | None] = {}
    info: DetectorInfo | None = None
    try:
        for row in read_rows(path):
            info = _checked(row, info, found, path)
            found[row.id] = row.detections
    except TextFileError as error:
        raise DetectorError(
            f"{error}; next: --option rows=FILE with a JSONL file of rows"
        ) from None
    if info is None:
        raise DetectorError(f"{path} holds no rows; next: --option rows=FILE with detected rows")
    return found, info


def _checked(
    row: Row, info: DetectorInfo | None, found: Mapping[str, Detections | None], path: Path
) -> DetectorInfo:
    """The detector of a row, which has to be that of the rows before it."""
    if row.detector is None or (info is not None and row.detector != info):
        raise DetectorError(f"{path}, row {row.id!r}: no detector, or not the first row's one")
    if row.id in found and found[row.id] != row.detections:
        raise DetectorError(f"{path}, row {row.id!r}: there twice, with other detections")
    return row.detector
