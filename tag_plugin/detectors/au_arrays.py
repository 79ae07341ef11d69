"""What one detector says of many faces, in arrays that two detectors can be compared by.

A reading comes from rows that `tag-plugin detect` wrote, or from a detector that is run now.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.console import progress
from tag_plugin.data.face_frame import ImageError, read_face
from tag_plugin.data.rows import SPLITS, DetectorInfo, Row, read_rows, row_lines
from tag_plugin.detectors.base import Detector, DetectorError, NoDetectionsError
from tag_plugin.detectors.ensemble import strongest
from tag_plugin.detectors.from_rows import of_one_detector
from tag_plugin.detectors.registry import DETECTORS, detector
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.detections import Detections

AUS: tuple[int, ...] = tuple(ACTION_UNITS)
"""The AU of each column."""

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Reading:
    """One detector's answers, a row a face.

    Attributes:
        info: which detector.
        ids: the row ids.
        face: (faces,), whether a face was found.
        probabilities: (faces, AUs); nan where the AU is not supported or no face was found.
        boxes: (faces, AUs, 4), 0..1000; nan where there is no box.
    """

    info: DetectorInfo
    ids: tuple[str, ...]
    face: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    boxes: NDArray[np.float32]

    @property
    def name(self) -> str:
        """The detector with its version."""
        return f"{self.info.name} {self.info.version}"


def read(
    source: str, dataset: Path | None, options: Mapping[str, Any], limit: int | None = None
) -> Reading:
    """The reading of a file or folder of detected rows, or of a detector by its name.

    Args:
        source: a `.jsonl` file, a folder with them (DATA_DIR/<dataset> or its `detected`), or a
            detector's name. A detector goes before a folder of its name: ./yolo is a folder.
        dataset: DATA_DIR/<dataset>, whose prepared rows a detector by name runs over.
        options: of that detector.
        limit: at most so many rows.

    Raises:
        DetectorError: no such rows or detector, or rows of several detectors.
    """
    if source in DETECTORS:
        if dataset is None:
            raise DetectorError(
                f"{source} needs faces; next: --dataset data/ferplus (or ./{source} for a folder)"
            )
        with detector(source, **options) as opened:
            return _gathered(opened.info, _measured(opened, dataset, limit))
    if Path(source).exists():
        return _stored(Path(source), limit)
    raise DetectorError(
        f"{source!r} is neither a file or folder of detected rows nor a detector "
        f"({', '.join(DETECTORS)})"
    )


def _stored(path: Path, limit: int | None) -> Reading:
    files = [path] if path.is_file() else _files(path, "detected")
    rows = of_one_detector(islice(chain.from_iterable(map(read_rows, files)), limit), path)
    first = next(rows, None)
    if first is None:
        raise DetectorError(f"{path}: no detected rows; next: tag-plugin detect")
    return _gathered(first[0], ((row.id, row.detections) for _, row in chain([first], rows)))


def _files(directory: Path, kind: str) -> list[Path]:
    """The row files of a dataset: in DIR/<kind>, or in DIR itself."""
    for folder in (directory / kind, directory):
        if files := [file for split in SPLITS if (file := folder / f"{split}.jsonl").is_file()]:
            return files
    raise DetectorError(f"no {kind} rows in {directory}")


def _measured(
    opened: Detector, dataset: Path, limit: int | None
) -> Iterator[tuple[str, Detections | None]]:
    """Unreadable images, and rows that a cache does not hold, are left out."""
    files = _files(dataset, "prepared")
    total = sum(1 for path in files for _ in row_lines(path))
    rows = islice(chain.from_iterable(map(read_rows, files)), limit)
    shown = iter(progress(rows, opened.info.name, min(total, limit or total)))
    while batch := list(islice(shown, _BATCH)):
        yield from _batch(opened, dataset, batch)


def _batch(
    opened: Detector, dataset: Path, batch: list[Row]
) -> Iterator[tuple[str, Detections | None]]:
    reads = [partial(read_face, dataset / row.image) for row in batch]
    try:
        faces = opened.detect_rows(batch, reads)
    except (ImageError, NoDetectionsError):
        if len(batch) > 1:  # one of them: go on one by one
            for row in batch:
                yield from _batch(opened, dataset, [row])
        return
    yield from zip((row.id for row in batch), faces, strict=True)


def _gathered(info: DetectorInfo, faces: Iterable[tuple[str, Detections | None]]) -> Reading:
    gathered = [(row_id, face is not None, *_as_arrays(face)) for row_id, face in faces]
    if not gathered:
        raise DetectorError(f"{info.name}: no rows")
    ids, *columns = zip(*gathered, strict=True)
    return Reading(info, ids, *map(np.array, columns))


def _as_arrays(face: Detections | None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    probabilities = np.full(len(AUS), np.nan, dtype=np.float32)
    boxes = np.full((len(AUS), 4), np.nan, dtype=np.float32)
    if face is not None:
        probabilities[[AUS.index(au) for au in face.supported]] = 0.0
        for au, best in strongest(face).items():
            probabilities[AUS.index(au)] = best.probability
            boxes[AUS.index(au)] = best.box.as_tuple()
    return probabilities, boxes
