"""The detectors by name. Asking for one is what imports its library."""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any, Final

from tag_plugin.detectors.base import Detector
from tag_plugin.detectors.drop_aus import WithoutDetector

_FACTORIES: Final[Mapping[str, str]] = {
    "mediapipe": "tag_plugin.detectors.mediapipe:MediapipeDetector",
    "yolo": "tag_plugin.detectors.yolo.detector:YoloDetector",
    "pyfeat": "tag_plugin.detectors.pyfeat:PyFeatDetector",
    "ensemble": "tag_plugin.detectors.ensemble:EnsembleDetector",
    "cached": "tag_plugin.detectors.from_rows:CachedDetector",
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
