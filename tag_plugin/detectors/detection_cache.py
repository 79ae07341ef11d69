"""Detections that are kept on disk, by the bytes of the picture and the detector that measured it.

One small file a picture, put in place in one go: processes and machines that share the folder may
write the same one at the same time.
"""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path
from pydantic import TypeAdapter, ValidationError

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.face_frame import ImageError, read_face
from tag_plugin.data.rows import Row
from tag_plugin.detectors.base import Detector, ImageDetector
from tag_plugin.detectors.from_rows import CachedDetector
from tag_plugin.detectors.synthetic import SyntheticDetector
from tag_plugin.facs.detections import Detections

_FACE: Final[TypeAdapter[Detections | None]] = TypeAdapter(Detections | None)
_DESCRIPTION: Final = "detector.json"


def cache_directory() -> Path:
    """Where detections are kept when nothing else is said."""
    return user_cache_path("tag-plugin") / "detections"


def goes_by_id(detector: Detector) -> bool:
    """Whether it looks a row's id up instead of looking at pixels."""
    return isinstance(detector, CachedDetector | SyntheticDetector)


class DetectionCache:
    """Asks a detector about a picture once, whoever asks, and however often.

    A detector that goes by the row's id is asked every time. One that may do both, an ensemble, is
    remembered by picture and id.

    Args:
        detector: an open detector.
        directory: a folder in it belongs to this detector: name, version, model, thresholds, AUs.
    """

    def __init__(self, detector: Detector, directory: Path) -> None:
        self._detector = detector
        supported = sorted(detector.supported)
        description = detector.info.model_dump(mode="json") | {"supported": supported}
        text = json.dumps(description, indent=1, sort_keys=True)
        name = f"{detector.info.name}-{_digest(text.encode())[:16]}"
        self._directory = directory / name
        if not goes_by_id(detector):
            write_text(self._directory / _DESCRIPTION, text)

    def detect(self, row: Row, image: Path) -> Row:
        """The row with the AUs of its picture: `detections` is None where there is no face.

        Raises:
            ImageError: the picture is missing or no face frame.
        """
        face = self._detections(row, image)
        return row.model_copy(update={"detections": face, "detector": self._detector.info})

    def _detections(self, row: Row, image: Path) -> Detections | None:
        read = partial(read_face, image)
        if goes_by_id(self._detector):
            return self._detector.detect_row(row, read)
        row_id = b"" if isinstance(self._detector, ImageDetector) else row.id.encode()
        digest = _digest(_bytes(image) + row_id)
        file = self._directory / digest[:2] / f"{digest}.json"
        try:
            return _FACE.validate_json(file.read_bytes())
        except (FileNotFoundError, ValidationError):  # half a file of a disk that was full
            face = self._detector.detect_row(row, read)
        write_text(file, _FACE.dump_json(face).decode())
        return face


def _bytes(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        raise ImageError(f"{image}: {error.strerror}") from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
