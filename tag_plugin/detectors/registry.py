"""The detectors by name. Asking for one is what imports its library."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, cast

from tag_plugin.detectors.base import Detector

_FACTORIES: Mapping[str, str] = MappingProxyType(
    {
        "mediapipe": "tag_plugin.detectors.mediapipe:MediapipeDetector",
        "yolo": "tag_plugin.detectors.yolo.detector:YoloDetector",
        "pyfeat": "tag_plugin.detectors.pyfeat:PyFeatDetector",
        "ensemble": "tag_plugin.detectors.ensemble:EnsembleDetector",
        "cached": "tag_plugin.detectors.cached:CachedDetector",
        "synthetic": "tag_plugin.detectors.synthetic:SyntheticDetector",
    }
)
"""Name -> module:factory."""

DETECTORS: tuple[str, ...] = tuple(_FACTORIES)
"""The known names."""


def detector(name: str, **options: Any) -> Detector:  # noqa: ANN401 - passed on to the factory
    """A closed-by-`with` detector; `options` are its factory's keyword arguments.

    Raises:
        ValueError: no such detector; the message lists the known ones.
        DetectorError: its library or its model is missing; the message says the next command.
    """
    try:
        module, factory = _FACTORIES[name].split(":")
    except KeyError:
        known = ", ".join(DETECTORS)
        raise ValueError(f"unknown detector {name!r}; known: {known}") from None
    build = cast(Callable[..., Detector], getattr(import_module(module), factory))
    return build(**options)
