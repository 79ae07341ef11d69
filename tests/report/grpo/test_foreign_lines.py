"""A run's folder with lines that no run wrote: the page shows the good ones and names the others.

Each kind is one line of a table: what the file holds beside the good lines, and the words that name
it (none: it is passed over, or is no fault).
"""

import codecs
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.report.grpo.logs import read_run
from tests.report.grpo.test_run import rollout, verdict
from tests.report.scripted import write_lines

LOG, ROLLOUTS = "grpo_log.jsonl", "rollouts.jsonl"
GOOD_LOG = [{"step": step, "reward": 0.5, "signal/no_spread": 0.1} for step in (1, 2)]
GOOD_ROLLOUTS = [rollout(step, [4], wanted=[4]) for step in (1, 2)]
DEEP = b"[" * 100_000 + b"]" * 100_000


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def _changed(**changes: Any) -> bytes:
    return _dump(rollout(2, [4]) | changes)


def _judged(**changes: Any) -> bytes:
    return _changed(verdict=verdict([4], [4]) | changes)


def _read(**changes: Any) -> bytes:
    return _judged(parsed=verdict([4], [4])["parsed"] | changes)


def _claim(au: Any, box: Any) -> bytes:
    return _read(claims=[{"au": au, "box": box, "region": "", "observation": "", "defects": []}])


def _without(key: str) -> bytes:
    return _dump({k: v for k, v in rollout(2, [4]).items() if k != key})


LINES: dict[str, tuple[str, bytes, str]] = {
    # the log: the line is left out, or the value of it
    "log: a list": (LOG, b"[1, 2]", f"{LOG}:3: not an object"),
    "log: null": (LOG, b"null", f"{LOG}:3: not an object"),
    "log: a number": (LOG, b"5", f"{LOG}:3: not an object"),
    "log: not JSON": (LOG, b"step 3", f"{LOG}:3: not JSON"),
    "log: half a line in the middle": (LOG, b'{"step": 3, "rew', f"{LOG}:3: not JSON"),
    "log: deep JSON": (LOG, DEEP, f"{LOG}:3: JSON nested too deeply"),
    "log: not UTF-8": (LOG, b'{"step": 3, "a": "\xe4"}', f"{LOG}:3: not UTF-8"),
    "log: zero bytes": (LOG, b"\0\0\0", f"{LOG}:3: bytes of value 0"),
    "log: a step in words": (LOG, _dump({"step": "three"}), f"{LOG}:3: step: not a whole number"),
    "log: a step of null": (LOG, _dump({"step": None}), f"{LOG}:3: step: not a whole number"),
    "log: a step of nan": (LOG, b'{"step": NaN}', f"{LOG}:3: step: not a whole number"),
    "log: a step that is true": (LOG, _dump({"step": True}), f"{LOG}:3: step: not a whole"),
    "log: a step below 0": (LOG, _dump({"step": -1}), f"{LOG}:3: step: not a whole number"),
    "log: a huge step": (LOG, _dump({"step": 10**400}), f"{LOG}:3: step: not a whole number"),
    "log: 5,000 digits": (LOG, b'{"step": ' + b"9" * 5000 + b"}", f"{LOG}:3: not JSON"),
    "log: a reward in words": (LOG, _dump({"step": 3, "reward": "high"}), ":3: reward: not a num"),
    "log: a reward of null": (LOG, _dump({"step": 3, "reward": None}), ":3: reward: not a number"),
    "log: a reward in a list": (LOG, _dump({"step": 3, "reward": [1]}), ":3: reward: not a number"),
    "log: a huge reward": (LOG, _dump({"step": 3, "reward": 10**400}), ":3: reward: not a number"),
    "log: an infinite reward": (LOG, b'{"step": 3, "reward": Infinity}', ":3: reward: not a numb"),
    "log: a signal in words": (LOG, _dump({"step": 3, "signal/no_spread": "x"}), "no_spread: not"),
    "log: a reward of nan": (LOG, b'{"step": 3, "reward": NaN}', ""),
    "log: escape codes": (LOG, _dump({"step": 3, "\x1b[31mred": "x"}), "�[31mred: not a number"),
    "log: no step": (LOG, _dump({"train_runtime": 3}), ""),
    "log: blank lines": (LOG, b"\n \n", ""),
    # the rollouts: the line is left out
    "rollouts: a list": (ROLLOUTS, b"[]", f"{ROLLOUTS}:3: Input should be a valid dict"),
    "rollouts: not JSON": (ROLLOUTS, b"{'step': 1}", f"{ROLLOUTS}:3: not JSON"),
    "rollouts: no step": (ROLLOUTS, _without("step"), f"{ROLLOUTS}:3: step: Field required"),
    "rollouts: no text": (ROLLOUTS, _without("text"), f"{ROLLOUTS}:3: text: Field required"),
    "rollouts: no rewards": (ROLLOUTS, _without("rewards"), f"{ROLLOUTS}:3: rewards: Field req"),
    "rollouts: no id": (ROLLOUTS, _without("prompt_id"), f"{ROLLOUTS}:3: prompt_id: Field req"),
    "rollouts: text of null": (ROLLOUTS, _changed(text=None), f"{ROLLOUTS}:3: text: Input"),
    "rollouts: rewards in a list": (ROLLOUTS, _changed(rewards=[1]), f"{ROLLOUTS}:3: rewards: "),
    "rollouts: a reward in words": (ROLLOUTS, _changed(rewards={"a": "x"}), ":3: rewards.a: "),
    "rollouts: a reward of nan": (ROLLOUTS, _changed(rewards={"a": float("nan")}), "rewards.a: "),
    "rollouts: a total of inf": (ROLLOUTS, _changed(total=float("inf")), ":3: total: Input"),
    "rollouts: a huge total": (ROLLOUTS, _changed(total=10**400), ":3: total: Input"),
    "rollouts: a list of answers": (ROLLOUTS, _read(answer=["a"]), "parsed.answer: Input"),
    "rollouts: boxes of null": (ROLLOUTS, _read(claims=None), "parsed.claims: Input"),
    "rollouts: a box that is a number": (ROLLOUTS, _claim(4, 5), "claims.0.box: 5 is not a box"),
    "rollouts: a reversed box": (
        ROLLOUTS,
        _claim(4, [9, 9, 1, 1]),
        "claims.0.box: [9, 9, 1, 1] is not a box",
    ),
    "rollouts: an AU in words": (
        ROLLOUTS,
        _claim("x", [1, 1, 2, 2]),
        "claims.0.au: Input",
    ),
    "rollouts: defects of null": (ROLLOUTS, _read(defects=None), "parsed.defects: Input"),
    "rollouts: images in a string": (ROLLOUTS, _changed(images="a.jpg"), ":3: images: Input"),
    "rollouts: foreign targets": (ROLLOUTS, _judged(targets=[4]), "verdict.targets.0: Input"),
    "rollouts: a pair of no claim": (
        ROLLOUTS,
        _judged(matches=[{"claim": 7, "target": 0, "iou": 1.0, "credit": 1.0}]),
        "a number of no claim",
    ),
    "rollouts: no total": (ROLLOUTS, _without("total"), f"{ROLLOUTS}:3: total: Field required"),
    "rollouts: of an older version": (ROLLOUTS, _changed(verdict=None, boxes=[]), ""),
    "rollouts: half a surrogate pair": (ROLLOUTS, rb'{"text": "\ud800"}', "half of a surrogate"),
    "rollouts: an image's long name": (ROLLOUTS, _changed(images=["a" * 5000]), ""),
    "rollouts: an image with a zero": (ROLLOUTS, _changed(images=["a\0b"]), ""),
    "rollouts: markup and escape codes": (ROLLOUTS, _changed(text="</script>\x1b[2J"), ""),
    "rollouts: a line of U+2028": (ROLLOUTS, _changed(text="a\u2028b"), ""),
    "rollouts: an unknown AU": (ROLLOUTS, _claim(99, [1, 1, 2, 2]), "AU99 is not a known"),
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_lines(tmp_path / LOG, GOOD_LOG)
    write_lines(tmp_path / ROLLOUTS, GOOD_ROLLOUTS)
    return tmp_path


def _report(run: Path) -> Any:
    return CliRunner().invoke(app, ["report", str(run)])


@pytest.mark.parametrize("kind", LINES)
def test_a_foreign_line_is_named_and_the_good_ones_are_shown(kind: str, run: Path):
    name, line, words = LINES[kind]
    with (run / name).open("ab") as out:
        out.write(line + b"\n" + _dump((GOOD_LOG if name == LOG else GOOD_ROLLOUTS)[1]) + b"\n")
    done = _report(run)
    assert done.exit_code == 0, done.exception
    assert words in done.output
    assert bool(words) == ("left out of the report: 1 lines" in done.output)
    assert "\x1b" not in done.output
    page = (run / "report.html").read_text(encoding="utf-8")
    assert ("left out: 1 lines" in page) == bool(words)
    found = read_run(run)
    rollouts = [rollout.step for rollout in found.rollouts]
    steps = [entry["step"] for entry in found.log] if name == LOG else rollouts
    assert steps[:2] == [1, 2]
    assert steps[-1] == 2, "the line after it is read"


@pytest.mark.parametrize("end", [b'{"step": 3, "text": "a \xe2\x86', b'{"step": 3', b"\xe2", b"{"])
@pytest.mark.parametrize("name", [LOG, ROLLOUTS])
def test_half_a_last_line_is_passed_over(name: str, end: bytes, run: Path):
    with (run / name).open("ab") as out:
        out.write(end)
    found = read_run(run)
    assert (len(found.log), len(found.rollouts), found.left_out) == (2, 2, [])


def _utf16(path: Path) -> None:
    path.write_bytes(codecs.BOM_UTF16_LE + path.read_text().encode("utf-16-le"))


def _with_mark(path: Path) -> None:
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes().replace(b"\n", b"\r\n"))


@pytest.mark.parametrize("change", [_utf16, _with_mark])
@pytest.mark.parametrize("name", [LOG, ROLLOUTS])
def test_another_encoding_with_its_mark_is_read(name: str, change: Any, run: Path):
    change(run / name)
    found = read_run(run)
    assert (len(found.log), len(found.rollouts), found.left_out) == (2, 2, [])


FILES: dict[str, tuple[str, bytes | None, str]] = {
    "an empty log": (LOG, b"", "no grpo_log.jsonl with a step in it; next: llamafactory-cli"),
    "a log of zero bytes": (LOG, b"\0" * 5000 + b"\n", f"{LOG}:1: bytes of value 0"),
    "a binary log": (LOG, bytes(range(128, 256)) * 20 + b"\n", f"{LOG}:1: not UTF-8"),
    "a log as one array": (LOG, _dump(GOOD_LOG), f"{LOG}:1: not an object"),
    "UTF-16 without its mark": (LOG, '{"step": 1}\n'.encode("utf-16-le"), f"{LOG}:1: bytes of val"),
    "a folder of rollouts": (ROLLOUTS, None, "a folder, where a file is expected"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_none_ends_in_one_line(kind: str, run: Path):
    name, content, words = FILES[kind]
    (run / name).unlink()
    if content is None:
        (run / name).mkdir()
    else:
        (run / name).write_bytes(content)
    done = _report(run)
    assert done.exit_code == 1
    assert isinstance(done.exception, ValueError | OSError)
    assert words in str(done.exception)
    assert str(run) in str(done.exception)


def test_a_pipe_is_not_waited_for(run: Path):
    (run / ROLLOUTS).unlink()
    os.mkfifo(run / ROLLOUTS)
    done = _report(run)
    assert f"{ROLLOUTS}: a pipe or a device, not a file" in str(done.exception)
