"""Real subprocesses, fake hosts: whatever a host does, the doctor gets an answer or a reason.

Real hosts are asked in tests/test_packaging.py and tests/hosts/lmms_eval/test_host.py.
"""

import pytest

from tag_plugin.doctor.examine import probe


@pytest.fixture
def fakehost(tmp_path, monkeypatch):
    """Puts a fake `llamafactory` in front of the real one; its `data.template` runs `code`."""

    def write(code: str) -> None:
        data = tmp_path / "llamafactory/data"
        train = tmp_path / "llamafactory/train"
        for folder in (data, train):
            folder.mkdir(parents=True)
            (folder / "__init__.py").touch()
        (data / "template.py").write_text("TEMPLATES = {'tag_qwen2_vl': 0, 'qwen2_vl': 0}\n" + code)
        (data / "converter.py").write_text("DATASET_CONVERTERS = {'alpaca': 0, 'tag': 1}\n")
        (data / "loader.py").touch()
        (train / "tuner.py").touch()
        (tmp_path / "llamafactory/__init__.py").touch()
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return write


@pytest.mark.parametrize(
    ("code", "reason", "seconds"),
    [
        (
            "raise ImportError('libfoo.so: no such file')",
            "ImportError: libfoo.so: no such file",
            600,
        ),
        ("import os; os.abort()", "killed by SIGABRT", 600),
        ("import sys; sys.exit(3)", "exit code 3", 600),
        ("import time; time.sleep(600)", "no answer within 3 s", 3),
    ],
)
def test_a_broken_host_is_a_reason(fakehost, code, reason, seconds):
    fakehost(code)
    assert probe("llamafactory", time_limit=seconds) == reason


def test_a_host_that_prints_does_not_disturb_the_answer(fakehost):
    fakehost("print('{}' * 1000)")
    answer = probe("llamafactory")
    assert answer.found == {"templates": ["tag_qwen2_vl"], "formats": ["tag"]}


def test_a_part_that_is_absent_or_cannot_be_armed_is_told_with_its_reason(fakehost, tmp_path):
    fakehost("")
    (tmp_path / "llamafactory/train/tuner.py").unlink()
    armed = probe("llamafactory").armed
    assert armed["llamafactory.train.tuner"].startswith("ModuleNotFoundError: ")
    assert "Error: " in armed["llamafactory.data.loader"]  # the fake has no such symbols
