"""What a detector is.

A detector belongs to one process and is closed by `with`. It may be slow to open and must be
cheap to import: a library is imported inside the factory that needs it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import file_digest
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME, Box
from tag_plugin.facs.detections import Detection, Detections, Side

FaceImage = NDArray[np.uint8]
"""A face frame: (448, 448, 3), RGB."""

ReadImage = Callable[[], FaceImage]
"""Reads the row's image when called; a detector that does not look at pixels never calls it."""


class DetectorError(RuntimeError):
    """A detector that cannot be opened or used; the message says the next command."""


class NoDetectionsError(DetectorError):
    """A detector that looks rows up knows nothing of this one; the others go on."""


class Detector(ABC):
    """Measures the AUs of a row's face: one row at a time, with nothing to open, unless overridden.

    `info` says which detector it is, exactly, and is recorded in every row. `supported` are the
    AUs that it can measure at all; a `Detections` carries the same set, less the AUs that cannot be
    seen on that face (their region lies outside the picture). `batch_size` is how many rows at once
    it works best on; 1 when it gains nothing from a batch. Probabilities are calibrated so that 0.5
    means "more likely present than not".
    """

    info: DetectorInfo
    supported: frozenset[int]
    batch_size: int = 1
    by_id: ClassVar[bool] = False
    """Whether it looks a row's id up instead of looking at pixels."""
    keep: Path | None = None
    """DATA_DIR/<dataset>, where it may leave what `detector fit` reads; None: nowhere."""

    @abstractmethod
    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The AUs of this row's face, or None when no face was found."""

    def detect_rows(
        self, rows: Sequence[Row], reads: Sequence[ReadImage]
    ) -> list[Detections | None]:
        """What `detect_row` gives for each row; any number of rows.

        One image that cannot be read fails them all: the caller then goes on one by one.
        """
        return [self.detect_row(row, read) for row, read in zip(rows, reads, strict=True)]

    def __enter__(self) -> Self:
        """Open what has to be opened."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:  # noqa: B027 - a detector without resources needs none
        """Release everything."""


class JointDetector(Detector):
    """A detector that asks others, which it opens and closes with itself: many rows at a time."""

    members: Sequence[Detector]

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The AUs of this row's face, as a batch of one."""
        return self.detect_rows([row], [read])[0]

    def __enter__(self) -> Self:
        """Open the others."""
        for member in self.members:
            member.__enter__()
        return self

    def close(self) -> None:
        """Close the others."""
        for member in self.members:
            member.close()


class ImageDetector(Detector):
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
        return self.detect_batch([image])[0]

    def detect_rows(
        self, rows: Sequence[Row], reads: Sequence[ReadImage]
    ) -> list[Detections | None]:
        """The AUs of the rows' images, `batch_size` at a time."""
        return [
            face
            for begin in range(0, len(reads), self.batch_size)
            for face in self.detect_batch(
                [read() for read in reads[begin : begin + self.batch_size]]
            )
        ]


def library(module: str, extra: str, licence: str = "") -> Any:  # noqa: ANN401 - without types
    """A module that one of our extras installs, imported now; `licence` is named if it is missing.

    Raises:
        DetectorError: it cannot be imported; the message says the next command.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DetectorError(
            f"{module} cannot be imported ({error}); next: pip install 'tag-plugin[{extra}]'"
            f"{licence}"
        ) from error


def file_sha256(path: Path, expected: str | None = None) -> str:
    """SHA-256 of a model's file.

    Raises:
        DetectorError: it cannot be read, or is not the expected one.
    """
    try:
        with path.open("rb") as file:
            content = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DetectorError(f"{path}: cannot be read ({error.strerror})") from None
    if expected is not None and content != expected.lower():
        raise DetectorError(
            f"{path}: sha256 {content}, expected {expected}; next: copy, download or train it again"
        )
    return content


def boxes_in_frame(aus: Iterable[int], corners: NDArray[np.float64]) -> dict[int, Box]:
    """AU -> its box, clipped to the frame; one of which nothing lies inside is left out.

    Args:
        aus: the AU of each row.
        corners: (AUs, 4): x1, y1, x2, y2 in shares of the frame.
    """
    stored = np.rint(corners.clip(0, 1) * BOX_SCALE).astype(int).tolist()
    return {
        au: Box(x1, y1, x2, y2)
        for au, (x1, y1, x2, y2) in zip(aus, stored, strict=True)
        if x1 < x2 and y1 < y2
    }


def detections_in_frame(
    probabilities: Mapping[int, float],
    boxes: Mapping[int, Box],
    sides: Mapping[int, Side] | None = None,
) -> Detections:
    """The AUs that have a box; one whose region lies outside the picture is not supported."""
    detections = tuple(
        Detection(au=au, probability=probability, box=boxes[au], side=(sides or {}).get(au))
        for au, probability in probabilities.items()
        if au in boxes
    )
    return Detections(detections=detections, supported=frozenset(each.au for each in detections))


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
