"""A stage killed with -9 goes on where it stopped: no row lost, none doubled."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tag_plugin.data.rows import read_rows
from tag_plugin.pipeline.detect import DetectSettings, detect
from tests.pipeline.detected_rows import write_prepared

ROWS = 1500
KILLED_RUN = """
import sys
from pathlib import Path
from tag_plugin.pipeline.detect import DetectSettings, detect
if __name__ == "__main__":
    directory = Path(sys.argv[1])
    options = {"rows": directory / "cached.jsonl"}
    detect(DetectSettings(directory, "cached", options, workers=int(sys.argv[2])))
"""


def killed_in_the_middle(directory, workers, script):
    parts = directory / "detected" / "parts"
    script.write_text(KILLED_RUN)
    command = [sys.executable, str(script), str(directory), str(workers)]
    # A session of its own: what the killed process leaves behind can be counted afterwards.
    run = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    while len(list(parts.glob("*.jsonl"))) < 2:
        assert run.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    return run.pid


def wait_until_empty(process_group):
    """Processes of the group are gone soon; on a busy machine within a minute."""
    for _ in range(600):
        try:
            os.killpg(process_group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_in_the_middle_it_goes_on(tmp_path, workers):
    directory = tmp_path / "ferplus"
    options = {"rows": write_prepared(directory, ROWS, ["train"])}
    group = killed_in_the_middle(directory, workers, tmp_path / "run.py")
    assert wait_until_empty(group), "worker processes outlived their parent"

    manifest = detect(DetectSettings(directory, "cached", options, workers=workers))

    assert 0 < manifest.splits["train"]["resumed_at"] < ROWS
    rows = list(read_rows(directory / "detected" / "train.jsonl"))
    assert [row.id for row in rows] == [f"train{number:05d}" for number in range(ROWS)]
    assert sorted(path.name for path in (directory / "detected").iterdir()) == ["train.jsonl"]
    assert not list(directory.rglob("*.lock"))
    assert not list(directory.rglob("*.partial"))
