"""What a detector is.

A detector belongs to one process and is closed by `with`. It may be slow to open and must be
cheap to import: a library is imported inside the factory that needs it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.facs.detections import Detections

FaceImage = NDArray[np.uint8]
"""A face frame: (448, 448, 3), RGB."""

ReadImage = Callable[[], FaceImage]
"""Reads the row's image when called; a detector that does not look at pixels never calls it."""


class DetectorError(RuntimeError):
    """A detector that cannot be opened or used; the message says the next command."""


class NoDetectionsError(DetectorError):
    """A detector that looks rows up knows nothing of this one; the others go on."""


class Detector(Protocol):
    """Measures the AUs of a row's face.

    `supported` are the AUs that it can measure at all. A `Detections` carries the same set, less
    the AUs that cannot be seen on that face (their region lies outside the picture).
    Probabilities are calibrated so that 0.5 means "more likely present than not".
    """

    @property
    def info(self) -> DetectorInfo:
        """Which detector this is, exactly: recorded in every row."""
        ...

    @property
    def supported(self) -> frozenset[int]:
        """The AUs that it can measure."""
        ...

    @property
    def batch_size(self) -> int:
        """How many rows at once it works best on; 1 when it gains nothing from a batch."""
        ...

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The AUs of this row's face, or None when no face was found."""
        ...

    def detect_rows(
        self, rows: Sequence[Row], reads: Sequence[ReadImage]
    ) -> list[Detections | None]:
        """What `detect_row` gives for each row; any number of rows.

        One image that cannot be read fails them all: the caller then goes on one by one.
        """
        ...

    def __enter__(self) -> Self:
        """Open what has to be opened."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release everything."""
        ...


class RowDetector(ABC):
    """A detector that takes one row at a time and has nothing to open."""

    batch_size: int = 1

    @abstractmethod
    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The AUs of this row's face, or None when no face was found."""

    def detect_rows(
        self, rows: Sequence[Row], reads: Sequence[ReadImage]
    ) -> list[Detections | None]:
        """One row after the other."""
        return [self.detect_row(row, read) for row, read in zip(rows, reads, strict=True)]

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:  # noqa: B027 - a detector without resources needs none
        """Nothing to release."""


class ImageDetector(RowDetector):
    """A detector that looks at pixels and at nothing else of the row."""

    @abstractmethod
    def detect(self, image: FaceImage) -> Detections | None:
        """The AUs of the largest face in a (448, 448, 3) RGB image, or None: no face.

        Raises:
            ValueError: the image has another shape or type.
        """

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The AUs of this row's image."""
        return self.detect(read())


class BatchDetector(ImageDetector):
    """A detector that looks at several images at once, and at one as a batch of one.

    Probabilities (three decimals) and boxes (integers) of a batch equal those of its images one
    by one, up to one step in the last place: a network's sums may be ordered differently.
    """

    @abstractmethod
    def detect_batch(self, images: Sequence[FaceImage]) -> list[Detections | None]:
        """What `detect` gives for each image.

        Raises:
            ValueError: an image has another shape or type.
        """

    def detect(self, image: FaceImage) -> Detections | None:
        """A batch of one."""
        (found,) = self.detect_batch([image])
        return found

    def detect_rows(
        self, rows: Sequence[Row], reads: Sequence[ReadImage]
    ) -> list[Detections | None]:
        """The AUs of the rows' images, `batch_size` at a time."""
        found: list[Detections | None] = []
        for begin in range(0, len(reads), self.batch_size):
            images = [read() for read in reads[begin : begin + self.batch_size]]
            found.extend(self.detect_batch(images))
        return found


def checked_frame(image: FaceImage) -> FaceImage:
    """The image itself.

    Raises:
        ValueError: not a (448, 448, 3) uint8 array.
    """
    if image.shape != (FACE_FRAME, FACE_FRAME, 3) or image.dtype != np.uint8:
        raise ValueError(
            f"expected a ({FACE_FRAME}, {FACE_FRAME}, 3) uint8 image, "
            f"got {image.shape} {image.dtype}"
        )
    return image
