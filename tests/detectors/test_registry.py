"""Detectors by name; asking for one is what loads its library."""

import subprocess
import sys

import pytest

from tag_plugin.detectors.registry import DETECTORS, detector


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown detector 'openface'; known: mediapipe, yolo"):
        detector("openface")


def test_naming_the_detectors_loads_no_library():
    code = (
        "import sys, tag_plugin.detectors.registry\n"
        "heavy = {'mediapipe', 'cv2', 'torch', 'pooch', 'ultralytics', 'feat'}\n"
        "assert not heavy & set(sys.modules), sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_names_are_the_documented_ones():
    assert DETECTORS == ("mediapipe", "yolo", "pyfeat", "ensemble", "cached", "table", "synthetic")
