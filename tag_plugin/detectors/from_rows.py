"""Detections that another run, or another tool, has written to a file of rows."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tag_plugin.data.rows import DetectorInfo, Row, read_rows
from tag_plugin.data.text_file import TextFileError
from tag_plugin.detectors.base import (
    Detector,
    DetectorError,
    NoDetectionsError,
    ReadImage,
)
from tag_plugin.facs.detections import Detections


class CachedDetector(Detector):
    """Looks a row's detections up by its id; the pixels are never read.

    A line that is no row is named and passed over: its face has no detections here.

    Args:
        rows: a JSONL file of rows that carry `detections` (None: no face) and one `detector`, or a
            folder of them.

    Raises:
        DetectorError: no such file, no rows, rows without a detector or of several detectors, an
            id with two answers.
    """

    by_id = True

    def __init__(self, rows: str | Path) -> None:
        self._path = path = Path(rows)
        if not path.exists():
            raise DetectorError(f"no file {path}: the cached detector needs a JSONL file of rows")
        self._by_id: dict[str, Detections | None] = {}
        try:
            for self.info, row in of_one_detector(read_rows(path), path):
                if self._by_id.setdefault(row.id, row.detections) != row.detections:
                    raise DetectorError(
                        f"{path}, row {row.id!r}: there twice, with other detections"
                    )
        except TextFileError as error:
            raise DetectorError(
                f"{error}; next: --option rows=FILE with a JSONL file of rows"
            ) from None
        if not self._by_id:
            raise DetectorError(
                f"{path} holds no rows; next: --option rows=FILE with detected rows"
            )
        self.supported = frozenset[int]().union(
            *(face.supported for face in self._by_id.values() if face is not None)
        )

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The stored detections of this row.

        Raises:
            NoDetectionsError: the file has no row of this id.
        """
        if row.id not in self._by_id:
            raise NoDetectionsError(
                f"{self._path} has no row {row.id!r}; next: run `tag-plugin detect` over it with "
                "a detector that looks at images"
            )
        return self._by_id[row.id]


def of_one_detector(rows: Iterable[Row], path: Path) -> Iterator[tuple[DetectorInfo, Row]]:
    """The rows with their detector.

    Raises:
        DetectorError: a row has none, or not the first row's.
    """
    first: DetectorInfo | None = None
    for row in rows:
        first = first or row.detector
        if first is None or row.detector != first:
            raise DetectorError(
                f"{path}, row {row.id!r}: no detector, or not the first row's detector; next: "
                "tag-plugin detect"
            )
        yield first, row
