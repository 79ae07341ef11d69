"""No bad input below a megabyte costs much more memory than a good one of its size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tag_plugin.data.rows import dump_row
from tests.data.bad_rows import good_row

MOST = 300
"""MiB above what the import takes."""
MEGABYTE = 1_000_000
READERS = {
    "rows": ("data.rows", "list(module.read_rows(path, lambda _: None))"),
    "manifest": ("pipeline.manifest", "module.read_manifest(path)"),
    "settings": ("pipeline.write.settings", "module.load_settings(path, {})"),
    "card": ("detectors.yolo.card", "module.read_card(path.parent)"),
}
"""What is read -> the module, and the call that reads `path`."""
MEASURED = """
import sys
from importlib import import_module
from pathlib import Path

def most():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

module = import_module("tag_plugin." + sys.argv[1])
before = most()
for path in map(Path, sys.argv[3:]):
    try:
        eval(sys.argv[2])
    except (ValueError, RuntimeError):
        pass
    sys.stdout.write(f"{path.parent.name}: {(most() - before) // 1024}\\n")
"""


def _numbers(before, after):
    return before + b"1," * ((MEGABYTE - 200) // 2) + b"1" + after


WORST = {
    "rows": {
        "half a million wrong detections": _numbers(b'{"detections":{"detections":[', b"]}}"),
        "a hundred thousand keys": json.dumps(dict.fromkeys(range(80_000), 1)).encode()[:MEGABYTE],
        "brackets": b"[" * MEGABYTE,
        "rows of twelve bytes": b'{"id": 1.5}\n' * (MEGABYTE // 12),
        "lines of one letter": b"x\n" * (MEGABYTE // 2),
        "good rows": b"".join(dump_row(good_row(n)).encode() + b"\n" for n in range(900)),
    },
    "manifest": {
        "half a million expected splits": _numbers(b'{"expects":[', b"]}"),
        "wrong counts": json.dumps(
            {"splits": {"train": {"counts": {str(n): "" for n in range(90_000)}}}}
        ).encode(),
        "brackets": b'{"a":' + b"[" * 900_000,
        "empty lists": b'{"splits":[' + b"[]," * 300_000 + b"[]]}",
    },
    "settings": {
        "keys": b"".join(b"%x: 1\n" % n for n in range(100_000))[:MEGABYTE],
        "a list": b"parameters: {a: [" + b"1," * 450_000 + b"1]}",
        "brackets": b"[" * MEGABYTE,
        "aliases": b"a: &a [1,1,1,1]\n" + b"b: [" + b"*a," * 200_000 + b"*a]\n",
    },
    "card": {
        "classes": _numbers(b'{"classes":[', b"]}"),
        "brackets": b'{"classes":' + b"[" * 900_000,
    },
}


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="measured by Linux alone")
@pytest.mark.parametrize("reader", READERS)
def test_a_bad_megabyte_takes_less_than_300_mb(tmp_path, reader):
    files = []
    for kind, content in WORST[reader].items():
        files.append(tmp_path / kind / "card.json")
        files[-1].parent.mkdir()
        files[-1].write_bytes(content)
        assert len(content) < 1.2 * MEGABYTE
    module, call = READERS[reader]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, module, call, *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
    )
    peaks = {kind: int(peak) for kind, _, peak in map(_parted, done.stdout.splitlines())}
    assert peaks.keys() == WORST[reader].keys()
    assert max(peaks.values()) < MOST, peaks


def _parted(line):
    return line.partition(": ")
