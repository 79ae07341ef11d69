"""Findings about the detectors: whether each one's library is there, and opens."""

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

from tag_plugin.detectors.registry import DETECTORS
from tag_plugin.doctor.report import Finding, Status, finding
from tag_plugin.hosts.probe import Answer

LIBRARIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "mediapipe": ("mediapipe", "mediapipe"),
        "yolo": ("ultralytics", "yolo"),
        "pyfeat": ("feat", "pyfeat"),
    }
)
"""Detector -> the library that it imports, and the extra that installs it; others need none."""


def detector_findings(answers: Mapping[str, Answer | str]) -> list[Finding]:
    """One finding a registered detector."""
    return [_detector(name, answers) for name in DETECTORS]


def _detector(name: str, answers: Mapping[str, Answer | str]) -> Finding:
    library, extra = LIBRARIES.get(name, (None, ""))
    if library is not None and find_spec(library) is None:
        command = f"pip install 'tag-plugin[{extra}]'"
        return finding("detectors", name, Status.ABSENT, f"needs {library}", command)
    answer = answers.get(name)
    if isinstance(answer, str):
        return finding("detectors", name, Status.WARNING, answer, _remedy(answer))
    opened = answer is not None or library is None
    return finding("detectors", name, Status.OK, "usable" if opened else f"{library} is installed")


def _remedy(reason: str) -> str:
    """Several OpenCV wheels overwrite each other; only the headless one needs no libGL."""
    if "libGL" in reason:
        return "pip install --force-reinstall --no-deps opencv-python-headless"
    return 'python -c "from tag_plugin.hosts.probe import ask_mediapipe; ask_mediapipe()"'
