"""What a detector is.

A detector belongs to one process and is closed by `with`. It may be slow to open and must be
cheap to import: a library is imported inside the factory that needs it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.facs.detections import Detections

FaceImage = NDArray[np.uint8]
"""A face frame: (448, 448, 3), RGB."""

ReadImage = Callable[[], FaceImage]
"""Reads the row's image when called; a detector that does not look at pixels never calls it."""


class DetectorError(RuntimeError):
    """A detector that cannot be opened or used; the message says the next command."""


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

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The AUs of this row's face, or None when no face was found."""
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


class Closing:
    """The context manager of a detector that has nothing to open or close."""

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Nothing to release."""


class ImageDetector(Closing, ABC):
    """A detector that looks at pixels and at nothing else of the row."""

    @abstractmethod
    def detect(self, image: FaceImage) -> Detections | None:
        """The AUs of the largest face in a (448, 448, 3) RGB image, or None: no face."""

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The AUs of this row's image."""
        return self.detect(read())
