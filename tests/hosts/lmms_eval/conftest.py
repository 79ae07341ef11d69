"""Tests against the real lmms-eval; left out where it is not installed."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tag_plugin import _autoload
from tag_plugin.hosts.paths import tasks_dir
from tests.hosts.lmms_eval.small_data import write_dataset

collect_ignore_glob = [] if find_spec("lmms_eval") else ["*"]

_autoload.install()  # what the .pth does at every start; here also in an environment without it


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TAG_DATA_DIR with synth (detections) and ferplus (none); TAG_BOX_FRAME is not set."""
    write_dataset(tmp_path / "data", "synth", "detected")
    write_dataset(tmp_path / "data", "ferplus", "prepared")
    monkeypatch.setenv("TAG_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("TAG_BOX_FRAME", raising=False)
    return tmp_path / "data"


@pytest.fixture(scope="session")
def manager() -> Any:
    """The tag_ tasks alone: to read all of the host's takes most of ten seconds."""
    from lmms_eval.tasks import TaskManager

    return TaskManager("ERROR", include_path=str(tasks_dir()), include_defaults=False)
