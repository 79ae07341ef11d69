"""No input under 1 MB makes a command that reads results take 300 MB more than a good one does."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from tag_plugin.cli import app
from tests.cli.foreign_results import BLOCK, nested, spoilt
from tests.results.run_files import RECORDS, record, write_run

SIZE = 900_000
MOST = 300 * 2**20
CLEAR_REFS = Path("/proc/self/clear_refs")
WORDS = {
    "report": ["RUN", "--out", "OUT/r.html"],
    "compare": ["RUN", "RUN"],
    "merge": ["RUN", "--out", "OUT/m"],
    "card": ["RUN", "--checkpoint", "MODEL", "--out", "OUT/card.md"],
    "mask": ["RUN", "--out", "OUT/masked"],
    "draw": ["RUN", "--out", "OUT/p", "--count", "20"],
    "prefer": ["RUN", "RUN", "--out", "OUT/prefer", "--answers", "MODEL/answers.json"],
}


def peak(command, folder):
    """Bytes that a command takes at its peak beyond what the process held before."""
    names = {"RUN": folder / "run", "OUT": folder / "out", "MODEL": folder / "model"}
    words = []
    for word in WORDS[command]:
        head, slash, tail = word.partition("/")
        words.append(f"{names[head]}{slash}{tail}" if head in names else word)
    CLEAR_REFS.write_text("5")  # the high-water mark begins anew
    before = _status("VmRSS")
    done = CliRunner().invoke(app, [command, *words])
    assert done.exception is None or isinstance(done.exception, ValueError | OSError)
    return _status("VmHWM") - before


def _status(name):
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) * 1024


def whole(folder, records=RECORDS):
    face = folder / "face.png"
    if not face.exists():
        Image.fromarray(np.zeros((448, 448, 3), np.uint8)).save(face)
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "answers.json").write_text("{}")
    return write_run(folder / "run", [{**each, "image": str(face)} for each in records])


def many(text, size=SIZE):
    return text * (size // len(text))


def block(path, value):
    def spoil(folder):
        results = whole(folder)
        results.write_bytes(spoilt(json.loads(results.read_text()), path, value))

    return spoil


def samples(content):
    def spoil(folder):
        whole(folder)
        (path,) = (folder / "run" / "tiny").glob("*.jsonl")
        path.write_bytes(content)

    return spoil


def one_record(**changes):
    return lambda folder: whole(folder, [{**RECORDS[0], **changes}])


def checkpoint(name, content):
    def spoil(folder):
        whole(folder)
        (folder / "model" / name).write_bytes(content)

    return spoil


def bombs(folder):
    """Six pictures of 15,960,000 pixels in a few kilobytes each."""
    whole(folder, [record(f"f{n}", "anger", "anger") for n in range(6)])
    Image.new("RGB", (4200, 3800)).save(folder / "face.png", optimize=True)


def large_bomb(folder):
    whole(folder)
    Image.new("1", (20_000, 20_000)).save(folder / "face.png")


CLAIM = {"au": None, "box": None, "region": "", "observation": "x", "defects": []}
ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n"
    for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
KINDS = {
    "deep": ("compare", samples(b"[" * SIZE)),
    "empty objects in the results": ("card", block("more", [{}] * (SIZE // 4))),
    "empty objects in the block": (
        "report",
        block(f"{BLOCK}.protocol.preparation", {"a": [{}] * (SIZE // 4)}),
    ),
    "short lists below long keys": (
        "merge",
        block(f"{BLOCK}.protocol.preparation", {"k" * 400_000: {"l" * 400_000: [1] * 20_000}}),
    ),
    "nested lists": ("report", block(f"{BLOCK}.protocol.preparation", [nested(15)] * (SIZE // 40))),
    "ten thousand labels": (
        "report",
        block(f"{BLOCK}.protocol.labels", [str(n) for n in range(90_000)]),
    ),
    "n of 10^15": ("merge", block(f"{BLOCK}.protocol.n", 10**15)),
    "tiny lines": ("prefer", samples(b"{}\n" * (SIZE // 3))),
    "blank lines": ("compare", samples(b"\n" * SIZE)),
    "numbers": ("draw", samples(b"9" * SIZE)),
    "claims": ("report", one_record(claims=[CLAIM] * (SIZE // 75))),
    "claims to draw": ("draw", one_record(claims=[{**CLAIM, "box": [1, 2, 3, 4]}] * (SIZE // 85))),
    "boxes to mask": (
        "mask",
        one_record(claims=[{**CLAIM, "au": 4, "box": [1, 2, 3, 4]}] * 1500),
    ),
    "lines of text": ("draw", one_record(completion=many("x\n"))),
    "a long word": ("draw", one_record(completion=many("x"))),
    "a long completion": ("report", one_record(completion=many("AU4 <"))),
    "attributes": ("merge", one_record(attributes={f"{n}": "v" * 13_000 for n in range(64)})),
    "a YAML alias bomb": (
        "card",
        checkpoint("training_args.yaml", (ALIASES + "stage: *j").encode()),
    ),
    "a deep YAML": ("card", checkpoint("training_args.yaml", b"[" * SIZE)),
    "a YAML of short lists": (
        "card",
        checkpoint("training_args.yaml", b"a: [" + b"[]," * (SIZE // 3) + b"]"),
    ),
    "a deep config": ("card", checkpoint("config.json", b'{"a":' * (SIZE // 5))),
    "many architectures": (
        "card",
        checkpoint("config.json", json.dumps({"architectures": [1] * (SIZE // 3)}).encode()),
    ),
    "many answers": (
        "prefer",
        checkpoint(
            "answers.json",
            json.dumps(
                {"study": "x", "rater": "", "answers": {str(n): "tie" for n in range(45_000)}}
            ).encode(),
        ),
    ),
    "six picture bombs on a page": ("report", bombs),
    "six picture bombs to draw": ("draw", bombs),
    "six picture bombs to mask": ("mask", bombs),
    "six picture bombs to rate": ("prefer", bombs),
    "a picture of 400 million pixels": ("draw", large_bomb),
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """What each command takes on a small good input, once its libraries are loaded."""
    folder = tmp_path_factory.mktemp("good")
    whole(folder, [record(f"f{n:04d}", "anger", "anger") for n in range(5)])
    for command in WORDS:
        peak(command, folder)  # libraries are loaded
    return {command: peak(command, folder) for command in WORDS}


@pytest.mark.skipif(
    not CLEAR_REFS.exists(), reason="the high-water mark is read from Linux's /proc"
)
@pytest.mark.parametrize("kind", KINDS)
def test_memory_stays_in_bounds(usual, tmp_path, kind):
    command, spoil = KINDS[kind]
    spoil(tmp_path)
    taken = peak(command, tmp_path)
    assert taken < usual[command] + MOST, f"{command}: {taken / 2**20:.0f} MiB"


def test_every_alias_counts():
    assert yaml.safe_load(ALIASES)["b"], "the bomb is YAML"
