"""A detector without some of its AUs: the user does not trust it with them."""

from collections.abc import Sequence

from tag_plugin.data.rows import Row
from tag_plugin.detectors.base import Detector, DetectorError, JointDetector, ReadImage
from tag_plugin.facs.detections import Detections


class WithoutDetector(JointDetector):
    """Another detector, to which some AUs are unsupported; its version says so.

    Args:
        detector: the other one; opened and closed with this one.
        without: AU numbers, in one text: joined by commas.

    Raises:
        DetectorError: not numbers, or AUs that the detector does not support anyway.
    """

    def __init__(self, detector: Detector, without: str) -> None:
        self.members = [detector]
        try:
            dropped = frozenset(int(number) for number in without.split(","))
        except ValueError:
            raise DetectorError(f"without={without!r}: needs AU numbers, such as 17,24") from None
        if unknown := dropped - detector.supported:
            raise DetectorError(
                f"without={without!r}: {detector.info.name} does not measure {sorted(unknown)}; "
                f"it measures {', '.join(map(str, sorted(detector.supported)))}"
            )
        self.supported = detector.supported - dropped
        self.batch_size = detector.batch_size
        version = f"{detector.info.version}-without-{'-'.join(map(str, sorted(dropped)))}"
        self.info = detector.info.model_copy(update={"version": version})

    def detect_rows(
        self, rows: Sequence[Row], reads: Sequence[ReadImage]
    ) -> list[Detections | None]:
        """What the other one says, less the AUs."""
        return [self._kept(face) for face in self.members[0].detect_rows(rows, reads)]

    def _kept(self, face: Detections | None) -> Detections | None:
        if face is None:
            return None
        return Detections(
            detections=tuple(each for each in face.detections if each.au in self.supported),
            supported=face.supported & self.supported,
        )
