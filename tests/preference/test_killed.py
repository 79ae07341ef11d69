"""kill -9 in the middle of a study: what was answered is never asked again."""

import subprocess
import sys
import threading

import pytest

from tests.preference.stand_in import JudgeServer
from tests.preference.two_runs import write_two_runs

pytest.importorskip("openai")
pytest.importorskip("tenacity")

COUNT, KILL_AFTER, CONCURRENCY = 12, 9, 2


def test_a_killed_study_goes_on_and_pays_nothing_twice(tmp_path):
    a, b = write_two_runs(tmp_path, COUNT)
    reached = threading.Event()
    journal = tmp_path / "o" / "replies.jsonl"

    def script(*_):
        if len(server.asked) >= KILL_AFTER:
            reached.set()
        return "<verdict>1</verdict>"

    with JudgeServer(script) as server:
        command = [sys.executable, "-m", "tag_plugin", "prefer", a, b, "--out", tmp_path / "o"]
        command += ["--judge", "m", "--endpoint", server.url, "--concurrency", CONCURRENCY]
        command = [str(word) for word in command]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as killed:
            assert reached.wait(300)
            killed.kill()
        kept = len(journal.read_bytes().split(b"\n")) - 1
        with journal.open("ab") as file:
            file.write(b'{"key": "half a li')
        asked_before = server.asked.total()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
        assert len(server.asked) == 2 * COUNT
        assert server.asked.total() == asked_before + 2 * COUNT - kept
        assert asked_before - kept <= CONCURRENCY  # only what was in flight is lost
    assert (tmp_path / "o" / "preference.json").is_file()
