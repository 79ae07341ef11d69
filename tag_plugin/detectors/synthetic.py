"""The exact detector of procedural faces: it draws nothing and looks at nothing.

A row's id says which face it is; the face says which AUs act and where they are.
"""

from typing import Final

from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.data.synthetic.face import SYNTH_AUS
from tag_plugin.data.synthetic.face_id import parse_face_id
from tag_plugin.data.synthetic.redrawn import drawn_face
from tag_plugin.data.synthetic.regions import detections
from tag_plugin.detectors.base import Detector, ReadImage
from tag_plugin.facs.detections import Detections

VERSION: Final = "1"
"""Rises whenever a face, a box or a probability changes."""


class SyntheticDetector(Detector):
    """Measures procedural faces exactly."""

    info = DetectorInfo(name="synthetic", version=VERSION)
    supported = frozenset(SYNTH_AUS)
    by_id = True

    def detect_row(self, row: Row, read: ReadImage) -> Detections:
        """The AUs of the face that the row's id names.

        Raises:
            ValueError: the row is no procedural face.
        """
        return detections(drawn_face(parse_face_id(row.id)))
