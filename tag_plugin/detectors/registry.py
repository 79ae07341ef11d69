"""The detectors by name, with or without some AUs. Asking for one is what imports its library."""

from collections.abc import Mapping, Sequence
from pkgutil import resolve_name
from typing import Any, Final

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


_FACTORIES: Final[Mapping[str, str]] = {
    "mediapipe": "tag_plugin.detectors.mediapipe:MediapipeDetector",
    "yolo": "tag_plugin.detectors.yolo.detector:YoloDetector",
    "pyfeat": "tag_plugin.detectors.pyfeat:PyFeatDetector",
    "ensemble": "tag_plugin.detectors.ensemble:EnsembleDetector",
    "cached": "tag_plugin.detectors.from_rows:CachedDetector",
    "table": "tag_plugin.detectors.table:TableDetector",
    "synthetic": "tag_plugin.detectors.synthetic:SyntheticDetector",
}
"""Name -> module:factory."""

DETECTORS: tuple[str, ...] = tuple(_FACTORIES)
"""The known names."""


def detector(
    name: str,
    *,
    without: str | None = None,
    **options: Any,  # noqa: ANN401 - passed on to the factory
) -> Detector:
    """A closed-by-`with` detector; `options` are its factory's keyword arguments.

    `without` names AUs that are not to be measured, "17,24".

    Raises:
        ValueError: no such detector; the message lists the known ones.
        DetectorError: its library or its model is missing; the message says the next command.
    """
    if name not in _FACTORIES:
        raise ValueError(f"unknown detector {name!r}; known: {', '.join(DETECTORS)}")
    opened: Detector = resolve_name(_FACTORIES[name])(**options)
    return opened if without is None else WithoutDetector(opened, without)
