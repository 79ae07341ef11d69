"""Detections that are kept on disk, by the bytes of the picture and the detector that measured it.

One small file a picture, put in place in one go: processes and machines that share the folder may
write the same one at the same time.
"""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.face_frame import ImageError, read_face
from tag_plugin.data.rows import Row
from tag_plugin.detectors.base import Detector, ImageDetector
from tag_plugin.facs.detections import Detections

_FACE: Final[TypeAdapter[Detections | None]] = TypeAdapter(Detections | None)
_DESCRIPTION: Final = "detector.json"


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
        description = detector.info.model_dump(mode="json")
        description["supported"] = sorted(detector.supported)
        text = json.dumps(description, indent=1, sort_keys=True)
        self._directory = directory / f"{detector.info.name}-{_digest(text.encode())[:16]}"
        if not detector.by_id:
            write_text(self._directory / _DESCRIPTION, text)

    def detect(self, row: Row, image: Path) -> Row:
        """The row with the AUs of its picture: `detections` is None where there is no face.

        Raises:
            ImageError: the picture is missing or no face frame.
        """
        found = {"detections": self._detections(row, image), "detector": self._detector.info}
        return row.model_copy(update=found)

    def _detections(self, row: Row, image: Path) -> Detections | None:
        read = partial(read_face, image)
        if self._detector.by_id:
            return self._detector.detect_row(row, read)
        row_id = b"" if isinstance(self._detector, ImageDetector) else row.id.encode()
        try:
            digest = _digest(image.read_bytes() + row_id)
        except OSError as error:
            raise ImageError(f"{image}: {error.strerror}") from None
        file = self._directory / digest[:2] / f"{digest}.json"
        try:
            return _FACE.validate_json(file.read_bytes())
        except (FileNotFoundError, ValidationError):  # half a file of a disk that was full
            face = self._detector.detect_row(row, read)
        write_text(file, _FACE.dump_json(face).decode())
        return face


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
