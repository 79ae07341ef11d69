"""The only door to ultralytics: its licence is named, and it is kept from the network.

ultralytics reads its switches when it is imported, so they are set here, just before:

    YOLO_OFFLINE            no look-ups, no analytics, no error reports
    YOLO_AUTOINSTALL        never installs a package
    ULTRALYTICS_SAFE_LOAD   checkpoints are read with torch's `weights_only=True` and ultralytics'
                            own list of classes; anything else in the file is refused, never run
    YOLO_CONFIG_DIR         its settings and its font live in our cache, not in the user's folder

A variable that the user has set stays as it is, except for the loading of checkpoints.
"""

import os
import shutil
import sys
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from PIL import Image

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.detectors.base import library
from tag_plugin.detectors.face_landmarker_model import cache_directory

NOTICE = (
    "tag-plugin: the detector 'yolo' runs ultralytics, which is licensed under AGPL-3.0 (or a paid "
    "licence, https://ultralytics.com/license), and so, ultralytics holds, are trained weights."
)
_FONT = "Arial.ttf"


@cache
def ultralytics(module: str = "ultralytics") -> Any:  # noqa: ANN401 - modules without type information
    """The module of this name, imported offline; the first call of a process names the licence.

    Raises:
        DetectorError: ultralytics cannot be imported; the message says the next command.
    """
    _prepare()
    licence = " (ultralytics, AGPL-3.0)"
    open_picture = Image.open
    utils = library("ultralytics.utils", "yolo", licence)
    dict.update(utils.SETTINGS, raytune=False)  # or training imports Ray; its own update is kept
    _provide_font(Path(utils.USER_CONFIG_DIR) / _FONT)
    named = library(module, "yolo", licence)
    Image.open = open_picture  # theirs would install a package at the first picture that is none
    return named


@cache
def _prepare() -> None:
    if parent_process() is None:  # workers stay silent: the command has said it
        sys.stderr.write(NOTICE + "\n")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(cache_directory("ultralytics")))
    os.environ["ULTRALYTICS_SAFE_LOAD"] = "true"


def _provide_font(path: Path) -> None:
    """Training asks for this font even when it draws nothing, and would download it."""
    if path.exists():
        return
    from matplotlib import get_data_path  # ultralytics needs it as well

    with atomic_write(path) as partial:
        shutil.copyfile(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), partial)
