"""Every command that reads results meets files that are foreign, spoilt or hostile.

Each either does its work on what is right and names on stderr what is not, or ends with one line
that names the file, what is wrong and the next step. Nothing else: no other exception, no
character that steers the terminal.
"""

import json
import os

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.terminal import one_line
from tests.cli.foreign_results import (
    HARMLESS,
    LINES,
    PICTURES,
    RESULTS,
    SAMPLES,
    STRANGE,
    UNREADABLE,
    spoilt,
)
from tests.results.run_files import PROTOCOL, RECORDS, write_run

COMMANDS = {
    "report": ["report", "RUN", "--out", "OUT/r.html"],
    "compare": ["compare", "RUN", "GOOD"],
    "merge": ["merge", "RUN", "--out", "OUT/m"],
    "card": ["card", "RUN", "--out", "OUT/card.md"],
    "mask": ["mask", "RUN", "--out", "OUT/masked"],
    "faithfulness": ["faithfulness", "RUN", "MASKED"],
    "draw": ["draw", "RUN", "--out", "OUT/p"],
    "prefer": ["prefer", "RUN", "OTHER", "--out", "OUT/prefer"],
}
OF_RESULTS = [name for name in COMMANDS if name != "draw"]
OF_SAMPLES = [name for name in COMMANDS if name != "card"]


def matrix(kinds, commands):
    """Two commands for each kind, in turn; every command for each with TAG_EVERY_COMMAND=1."""
    commands, every = list(commands), "TAG_EVERY_COMMAND" in os.environ
    pairs = [
        (commands[(number + shift) % len(commands)], kind)
        for number, kind in enumerate(kinds)
        for shift in (range(len(commands)) if every else (0, 3))
    ]
    return pytest.mark.parametrize(("command", "kind"), pairs, ids=lambda name: name[:40])


GO_ON = ("report", "draw")
"""They do what they can without a spoilt sample; the others' numbers would be of other items."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Whole runs to spoil, and to compare with."""
    folder = tmp_path_factory.mktemp("runs")
    Image.fromarray(np.zeros((448, 448, 3), np.uint8)).save(folder / "face.jpg")
    records = [{**each, "image": str(folder / "face.jpg")} for each in RECORDS]
    write_run(folder / "good", records)
    write_run(folder / "other", [{**each, "completion": "another"} for each in records])
    for number, name in enumerate(("tag_masked_cited", "tag_masked_uncited")):
        protocol = PROTOCOL.model_copy(update={"task": name})
        write_run(folder / "masked", records, date=f"20260101_00000{number}", protocol=protocol)
    return folder


@pytest.fixture
def run(runs, tmp_path):
    """A copy of the good run: its results file and its samples file."""
    place = tmp_path / "run" / "tiny"
    place.mkdir(parents=True)
    for path in (runs / "good" / "tiny").iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    (samples,) = place.glob("*.jsonl")
    (results,) = place.glob("*_results.json")
    return results, samples


def invoke(command, runs, folder):
    names = {"RUN": folder / "run", "OUT": folder / "out"}
    names |= {name.upper(): runs / name for name in ("good", "other", "masked")}
    return CliRunner().invoke(app, [_filled(word, names) for word in COMMANDS[command]])


def _filled(word, names):
    head, slash, tail = word.partition("/")
    return f"{names[head]}{slash}{tail}" if head in names else word


def told(done):
    """What the command says of its failure: main() prints it as one line."""
    assert done.exit_code != 0, done.output
    assert isinstance(done.exception, ValueError | OSError), repr(done.exception)
    return one_line(str(done.exception))


def went_well(done):
    assert done.exit_code == 0, repr(done.exception)
    assert not set(done.output) & set("\x1b\x07\u202e")


def write_line(path, number, text):
    lines = path.read_bytes().splitlines()
    lines[number:] = [text] if number == len(lines) else [text, *lines[number + 1 :]]
    path.write_bytes(b"\n".join(lines) + b"\n")


def change_sample(path, dotted, value, number=2):
    sample = json.loads(path.read_text().splitlines()[number])
    write_line(path, number, spoilt(sample, dotted, value))


@matrix(["utf-8", "utf-8-sig", "utf-16", "utf-32"], COMMANDS)
def test_whole_runs_are_read_in_any_encoding_that_tells_itself(runs, run, tmp_path, command, kind):
    for path in run:
        path.write_bytes(path.read_text().replace("\n", "\r\n").encode(kind))
    went_well(invoke(command, runs, tmp_path))


@matrix([*UNREADABLE, *RESULTS, "cut", "a pipe", "a folder"], OF_RESULTS)
def test_results_that_cannot_be_used_are_named(runs, run, tmp_path, command, kind):
    results, _ = run
    whole = results.read_bytes()
    results.unlink()
    if kind == "a pipe":
        os.mkfifo(results)
    elif kind == "a folder":
        results.mkdir()
    elif kind in RESULTS:
        results.write_bytes(spoilt(json.loads(whole), *RESULTS[kind]))
    else:
        results.write_bytes(UNREADABLE.get(kind, whole[: len(whole) // 2]))
    line = told(invoke(command, runs, tmp_path))
    assert "next: " in line
    assert results.name in line or kind in ("no block", "block empty")


@pytest.mark.parametrize("command", OF_RESULTS)
def test_one_spoilt_results_file_does_not_block_a_folder(runs, run, tmp_path, command):
    results, _ = run
    newer = results.with_name("20270101_000000_results.json")
    newer.write_bytes(results.read_bytes()[:500])
    done = invoke(command, runs, tmp_path)
    went_well(done)
    assert f"{newer}: not JSON" in done.stderr and "passed over" in done.stderr


@matrix(HARMLESS, OF_RESULTS)
def test_strange_values_neither_steer_nor_stop(runs, run, tmp_path, command, kind):
    results, _ = run
    results.write_bytes(spoilt(json.loads(results.read_text()), *HARMLESS[kind]))
    done = invoke(command, runs, tmp_path)
    if done.exit_code:  # another model, or another protocol: said on one line
        assert any(words in told(done) for words in ("differ in", "not what lmms-eval writes"))
        assert command in ("compare", "faithfulness")
    else:
        went_well(done)


@matrix([*UNREADABLE, "cut in a line", "a pipe", "a folder", "doubled"], OF_SAMPLES)
def test_samples_files_that_cannot_be_used_are_named(runs, run, tmp_path, command, kind):
    _, samples = run
    whole = samples.read_bytes()
    samples.unlink()
    if kind == "a pipe":
        os.mkfifo(samples)
    elif kind == "a folder":
        samples.mkdir()
    elif kind == "doubled":
        samples.write_bytes(whole + whole)
    else:
        samples.write_bytes(UNREADABLE.get(kind, whole[:-20]))
    done = invoke(command, runs, tmp_path)
    if command == "report" or (command == "draw" and kind in ("cut in a line", "doubled")):
        went_well(done)
        assert samples.name in done.stderr
    else:
        line = told(done)
        assert samples.name in line and "next: " in line


@pytest.mark.parametrize("command", [name for name in OF_SAMPLES if name != "draw"])
@pytest.mark.parametrize("kept", [0, 1, 3])
def test_samples_that_are_fewer_than_the_results_count_are_noticed(
    runs, run, tmp_path, command, kept
):
    _, samples = run
    samples.write_bytes(b"".join(samples.read_bytes().splitlines(keepends=True)[:kept]))
    done = invoke(command, runs, tmp_path)
    line = done.stderr if command == "report" else told(done)
    assert f"{samples}: {kept} samples, but " in line and "counts 4" in line


@matrix([*LINES, *SAMPLES], OF_SAMPLES)
def test_a_spoilt_sample_is_named_by_file_and_line(runs, run, tmp_path, command, kind):
    _, samples = run
    if kind in LINES:
        write_line(samples, 2, LINES[kind])
    else:
        change_sample(samples, *SAMPLES[kind])
    done = invoke(command, runs, tmp_path)
    if command in GO_ON:
        went_well(done)
    line = done.stderr if command in GO_ON else told(done)
    if not (command == "draw" and kind.startswith("another ")):  # it draws whatever it is given
        assert f"{samples}:3: " in line


@matrix(STRANGE, OF_SAMPLES)
def test_a_strange_sample_neither_steers_nor_stops(runs, run, tmp_path, command, kind):
    _, samples = run
    change_sample(samples, *STRANGE[kind])
    done = invoke(command, runs, tmp_path)
    if command == "compare" and "id" in kind.split():
        assert "not the same items" in told(done)
    else:
        went_well(done)
    assert {path.name for path in tmp_path.iterdir()} <= {"run", "out"}


@matrix(PICTURES, ["report", "mask", "draw", "prefer"])
def test_a_picture_that_cannot_be_read_is_left_out_by_name(runs, run, tmp_path, command, kind):
    _, samples = run
    (tmp_path / "run" / "EMPTY").touch()
    os.mkfifo(tmp_path / "run" / "PIPE")
    value = PICTURES[kind]
    path = str(tmp_path / "run" / value) if value.isupper() else value
    change_sample(samples, "judged.image", path)
    done = invoke(command, runs, tmp_path)
    if command == "prefer":
        assert "not the same face" in told(done)
        return
    went_well(done)
    if command != "report":  # there the place of the picture is empty
        assert "f2" in done.stderr and "left out" in done.stderr


@pytest.mark.parametrize("kind", ["missing", "null", "a string", "out of range", "twice", "deep"])
def test_merge_names_what_the_host_did_not_write(runs, run, tmp_path, kind):
    _, samples = run
    value = {"missing": ..., "null": None, "a string": "2", "out of range": 10**12, "twice": 1}
    if kind == "deep":
        change_sample(samples, "target", [[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]])
    else:
        change_sample(samples, "doc_id", value[kind])
    assert f"{samples}:3: " in told(invoke("merge", runs, tmp_path))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [..., [], {}, None, {"tag_ferplus": 3}])
def test_merge_names_the_numbers_that_the_host_did_not_write(runs, run, tmp_path, wrong):
    results, _ = run
    results.write_bytes(spoilt(json.loads(results.read_text()), "results", wrong))
    assert f"{results}: results.tag_ferplus is not" in told(invoke("merge", runs, tmp_path))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "task", ["../../evil", "tag/x", "", "..", "tag_x\n", "t" * 300, "a\x1b[1m"]
)
def test_a_task_whose_name_is_no_name_reaches_no_path(runs, run, tmp_path, task):
    results, _ = run
    content = json.loads(results.read_text())
    content["tag_plugin"] = {task: content["tag_plugin"]["tag_ferplus"]}
    results.write_text(json.dumps(content))
    assert "not the name of a task" in told(invoke("merge", runs, tmp_path))
