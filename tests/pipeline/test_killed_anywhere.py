"""kill -9 at random moments over every stage: the bytes of a run that was left alone, no leftovers.

TAG_KILLS=40 kills as often as that; `make test` a few times.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from random import Random

import numpy as np
import pytest
from PIL import Image

from tests.pipeline.ferplus_tree import write_tree

KILLS = int(os.environ.get("TAG_KILLS", "4"))
PER_SPLIT = 20

# Imports once; each line on stdin forks a run of every stage and says its process id.
RUNS = """
import os, sys
from functools import partial
from pathlib import Path
from tag_plugin.data.ferplus import FerPlus
from tag_plugin.data.rows import SPLITS, read_rows, write_rows
from tag_plugin.pipeline import build, detect, prepare, stage
from tag_plugin.pipeline.dataset.make import MakeSettings, make
from tag_plugin.pipeline.quality import check
from tag_plugin.pipeline.quality.limits import PRESETS
from tests.pipeline.detected_rows import EVERY, INFO, hand_made

prepare.PART = 4
for module in (detect, check, build):
    module.Stage = partial(stage.Stage, part=4)

def write_cached(directory, path):
    rows = (row for split in SPLITS for row in read_rows(directory / f"prepared/{split}.jsonl"))
    write_rows(path, (
        row.model_copy(update={"detections": hand_made(row.id), "detector": INFO}) for row in rows
    ))

def run(base, data):
    prepare.prepare(FerPlus(base / "root"), prepare.PrepareSettings(data))
    directory, cached = data / "ferplus", base / "cached.jsonl"
    check.check(check.QualitySettings(directory, PRESETS["synth"]))
    if not cached.exists():
        write_cached(directory, cached)
    detect.detect(detect.DetectSettings(directory, "cached", {"rows": cached}))
    build.build(build.BuildSettings(directory, support=EVERY))
    make(MakeSettings(directory, rows_per_file=5))

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(Path(sys.argv[1]), Path(line.strip()))
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runs:
    """Runs of every stage on one data directory after the other, in forked processes."""

    def __init__(self, base):
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNS, str(base)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def begin(self, data):
        print(data, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def end(self):
        return int(self.process.stdout.readline())


@pytest.fixture
def runs(tmp_path):
    made = Runs(tmp_path)
    yield made
    made.process.stdin.close()
    made.process.wait()


def files_of(data):
    """Every file by name; of the manifests, all but the timings."""
    content = {
        str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()
    }
    for name in [name for name in content if name.endswith(".json")]:
        manifest = json.loads(content[name])
        for summary in manifest.get("splits", {}).values():
            del summary["resumed_at"], summary["inputs_per_second"]
        content[name] = manifest
    return content


def write_pictures(root):
    """A FERPlus tree without a picture in two splits."""
    write_tree(root, PER_SPLIT)
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        noise = np.random.default_rng(number).integers(0, 255, (48, 48), dtype=np.uint8)
        Image.fromarray(noise).save(path)


def test_a_kill_at_any_moment_changes_no_byte_and_leaves_nothing(tmp_path, runs):
    write_pictures(tmp_path / "root")
    runs.begin(tmp_path / "first")
    assert runs.end() == 0, "the first run also makes the detections"
    begin = time.monotonic()
    runs.begin(tmp_path / "whole")
    assert runs.end() == 0
    seconds, whole = time.monotonic() - begin, files_of(tmp_path / "whole")
    assert {"ferplus/dataset.json", "ferplus/dropped/prepared-train.jsonl"} <= whole.keys()
    random, ended = Random(0), []
    for number in range(KILLS):
        data = tmp_path / f"killed{number}"
        child = runs.begin(data)
        time.sleep(random.random() * seconds)
        with suppress(ProcessLookupError):  # it has ended
            os.kill(child, signal.SIGKILL)
        ended.append(runs.end())
        runs.begin(data)
        assert runs.end() == 0
        assert files_of(data) == whole, f"kill {number}"
    assert -signal.SIGKILL in ended, "every run had ended before it could be killed"
