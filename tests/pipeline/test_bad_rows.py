"""Every kind of bad line between good rows: each command names them, counts them and goes on."""

import json
import shutil
from functools import partial

import pytest
from PIL import Image
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.rows import NOT_A_ROW, dump_row, read_rows
from tag_plugin.pipeline.stage import Stage
from tests.data.bad_rows import bad_lines, good_row

BAD = list(bad_lines().values())
GOOD = 6
"""Good rows, and the bad lines between them."""


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def good(split, keep):
    """Rows with what an earlier stage knows of them."""
    rows = [good_row(number, split) for number in range(GOOD)]
    return [
        row.model_copy(
            update={
                "trace": row.trace if keep == "built" else None,
                "provenance": row.provenance if keep == "built" else None,
                "detections": None if keep == "prepared" else row.detections,
                "detector": None if keep == "prepared" else row.detector,
            }
        )
        for row in rows
    ]


def write(directory, stage, splits=("train", "dev", "test")):
    """The rows of a stage: bad lines between good ones, at both ends, and one torn off."""
    for split in splits:
        rows = good(split, stage)
        lines = [each for row in rows for each in (*BAD[:3], dump_row(row).encode())]
        (directory / stage).mkdir(parents=True, exist_ok=True)
        content = b"\n".join([*BAD, *lines, b'{"version":1,"id":"torn'])
        (directory / stage / f"{split}.jsonl").write_bytes(content)
    return len(BAD) + 3 * GOOD + 1


def pictures(directory):
    for split in ("train", "dev", "test"):
        for number, row in enumerate(good(split, "prepared")):
            path = directory / row.image
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (448, 448), (number * 30, 50, 90)).save(path)


def ids(path):
    return [row.id for row in read_rows(path)]


@pytest.fixture
def ferplus(tmp_path):
    return tmp_path / "ferplus"


@pytest.mark.parametrize("workers", [1, 2])
def test_build_names_bad_rows_and_builds_the_others_in_order(ferplus, workers):
    bad = write(ferplus, "detected")
    done = run("build", ferplus, "--workers", workers, "--support", "any")
    assert done.exit_code == 0, done.exception
    assert ids(ferplus / "built" / "train.jsonl") == [row.id for row in good("train", "built")]
    manifest = json.loads((ferplus / "build.json").read_text())["splits"]["train"]
    assert manifest["inputs"] == bad + GOOD
    assert manifest["dropped"][NOT_A_ROW]["count"] == bad
    dropped = [
        json.loads(line)
        for line in (ferplus / "dropped" / "built-train.jsonl").read_text().splitlines()
    ]
    numbers = [int(each["id"].rpartition(":")[2]) for each in dropped]
    assert numbers == sorted(set(numbers))
    assert {each["reason"] for each in dropped} == {NOT_A_ROW}


def test_detect_names_bad_rows_and_measures_the_others(ferplus):
    bad = write(ferplus, "prepared")
    write(ferplus, "detected", ("train",))  # as a cache: it holds the train rows only
    shutil.move(ferplus / "detected" / "train.jsonl", ferplus / "cached.jsonl")
    cached = f"rows={ferplus / 'cached.jsonl'}"
    done = run("detect", ferplus, "--detector", "cached", "--option", cached, "--workers", 1)
    assert [row.detections for row in read_rows(ferplus / "detected" / "train.jsonl")] == [
        row.detections for row in good("train", "detected")
    ]
    dropped = json.loads((ferplus / "detect.json").read_text())["splits"]
    assert dropped["train"]["dropped"] == {NOT_A_ROW: dropped["train"]["dropped"][NOT_A_ROW]}
    assert dropped["train"]["dropped"][NOT_A_ROW]["count"] == bad
    assert dropped["dev"]["dropped"]["no cached detections"]["count"] == GOOD
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_quality_names_bad_rows_and_measures_the_others(ferplus, tmp_path):
    bad = write(ferplus, "prepared")
    pictures(ferplus)
    off = "face sharpness_min face_size_min contrast_min brightness_min yaw_max pitch_max roll_max"
    limits = tmp_path / "off.yaml"
    limits.write_text("face: false\n" + "".join(f"{n}: null\n" for n in off.split()[1:]))
    with limits.open("a") as more:
        more.write("mirror_error_max: null\n")
    done = run("quality", ferplus, "--limits", limits, "--workers", 1)
    assert done.exit_code == 0, done.exception
    manifest = json.loads((ferplus / "quality.json").read_text())["splits"]["train"]
    assert (manifest["rows"], manifest["dropped"][NOT_A_ROW]["count"]) == (GOOD, bad)


def test_data_make_names_and_counts_bad_rows_and_keeps_the_others(ferplus, capfd):
    bad = write(ferplus, "built", ("train", "dev"))
    write(ferplus, "detected", ("test",))
    done = run("data", "make", ferplus, "--rl-percent", 50)
    assert done.exit_code == 0, done.exception
    made = ids(ferplus / "dataset" / "sft.jsonl") + ids(ferplus / "dataset" / "rl.jsonl")
    assert sorted(made) == [row.id for row in good("train", "built")]
    assert ids(ferplus / "dataset" / "dev.jsonl") == [row.id for row in good("dev", "built")]
    left_out = json.loads((ferplus / "dataset.json").read_text())["left_out"]
    assert left_out == {NOT_A_ROW: 3 * bad}


def test_data_validate_names_every_bad_row(ferplus):
    bad = write(ferplus, "built", ("train", "dev"))
    write(ferplus, "detected", ("test",))
    pictures(ferplus)
    done = run("data", "validate", ferplus, "--workers", 1)
    assert done.exit_code == 1
    report = json.loads((ferplus / "validate.json").read_text())
    assert report["errors"] == {NOT_A_ROW: 3 * bad}
    assert report["labels"]["train"].keys() == {row.label for row in good("train", "built")}


def test_export_rl_leaves_bad_rows_out_by_name_and_number(ferplus):
    bad = write(ferplus, "detected")
    done = run("export-rl", "swift", ferplus, "--template", "tag_qwen2_vl")
    assert done.exit_code == 0, done.exception
    assert f"left out: {3 * bad} rows ({NOT_A_ROW})" in done.output
    lines = (ferplus / "rl_swift" / "train.jsonl").read_text().splitlines()
    assert len(lines) == GOOD


def test_detector_compare_passes_bad_rows_over(ferplus, tmp_path):
    write(ferplus, "detected", ("train",))
    file = ferplus / "detected" / "train.jsonl"
    done = run("detector", "compare", file, file, "--out", tmp_path / "compare.png")
    assert done.exit_code == 0, done.exception
    assert f"skipped: {file}:1:" in done.stderr


def test_a_build_is_refused_when_a_bad_row_was_mended_and_restart_takes_it_in(ferplus):
    write(ferplus, "detected", ("train",))
    assert run("build", ferplus, "--workers", 1, "--support", "any").exit_code == 0
    file = ferplus / "detected" / "train.jsonl"
    lines = file.read_bytes().splitlines()
    mended = good("train", "detected")[0].model_copy(update={"id": "mended"})
    file.write_bytes(b"\n".join([dump_row(mended).encode(), *lines[1:]]))
    refused = run("build", ferplus, "--workers", 1, "--support", "any")
    assert refused.exit_code == 1
    assert "was made with other settings (input:" in str(refused.exception)
    assert "--restart" in str(refused.exception)
    assert run("build", ferplus, "--workers", 1, "--support", "any", "--restart").exit_code == 0
    assert ids(ferplus / "built" / "train.jsonl")[0] == "mended"


@pytest.mark.parametrize("done", range(5))
def test_a_build_that_was_killed_goes_on_at_the_right_line(ferplus, done, monkeypatch):
    """Bad lines count like rows, wherever the kill falls."""
    from tag_plugin.pipeline import build as build_module
    from tag_plugin.pipeline import parts

    monkeypatch.setattr(build_module, "Stage", partial(Stage, part=2))
    lines = [b"bad", *(dump_row(row).encode() for row in good("train", "detected")), b"{}"]
    lines.insert(3, b"[]")
    (ferplus / "detected").mkdir(parents=True)
    (ferplus / "detected" / "train.jsonl").write_bytes(b"\n".join(lines))
    whole, make, made = ferplus / "built" / "train.jsonl", parts._make, []

    def killed(work, part):
        if len(made) == done:
            raise KeyboardInterrupt
        made.append(part)
        return make(work, part)

    with monkeypatch.context() as patch:
        patch.setattr(parts, "_make", killed)
        run("build", ferplus, "--workers", 1, "--support", "any")
    assert not whole.exists()
    assert run("build", ferplus, "--workers", 1, "--support", "any").exit_code == 0
    assert ids(whole) == [row.id for row in good("train", "built")]
    summary = json.loads((ferplus / "build.json").read_text())["splits"]["train"]
    assert (summary["inputs"], summary["resumed_at"]) == (len(lines), 2 * done)
    named = summary["dropped"][NOT_A_ROW]
    assert named["count"] == 3
