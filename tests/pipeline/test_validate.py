"""data validate and data show: a sound dataset passes, every kind of fault is named."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image, ImageColor
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.face_frame import write_face
from tag_plugin.data.rows import FrameInfo, read_rows, write_rows
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.dataset.make import MakeSettings, make
from tag_plugin.pipeline.detect import DetectSettings, detect
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.validate import ValidateSettings, validate
from tag_plugin.report import dataset_sheet
from tag_plugin.report.au_colours import AU_COLOURS
from tests.pipeline.detected_rows import EVERY, write_prepared

COUNT = 40


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "ferplus"
    options = {"rows": write_prepared(directory, COUNT)}
    for offset, split in enumerate(("train", "dev", "test")):
        path = directory / "prepared" / f"{split}.jsonl"
        rows = []
        for number, row in enumerate(read_rows(path)):
            random = np.random.default_rng(offset * 1000 + number)
            value = int(random.integers(1, 2**63))
            frame = FrameInfo(side=48, how="whole", phash=f"{value:016x}")
            rows.append(row.model_copy(update={"frame": frame}))
            noise = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            write_face(directory / row.image, Image.fromarray(noise).resize((448, 448)))
        write_rows(path, rows)
    detect(DetectSettings(directory, "cached", options))
    build(BuildSettings(directory, support=EVERY))
    make(MakeSettings(directory))
    return directory


@pytest.fixture
def directory(sound, tmp_path):
    import shutil

    return shutil.copytree(sound, tmp_path / "ferplus")


def first(directory, part="sft"):
    return next(read_rows(directory / "dataset" / f"{part}.jsonl"))


def edit(path, number, change):
    lines = path.read_text().splitlines()
    lines[number] = change(lines[number])
    path.write_text("\n".join(lines) + "\n")


def as_json(**changes):
    return lambda line: json.dumps({**json.loads(line), **changes})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sound_dataset_passes(sound, workers):
    report = validate(ValidateSettings(sound, workers, pixels=True))
    assert report.sound, report.named
    assert report.rows["sft"] + report.rows["rl"] == COUNT * 4 // 5
    assert (report.rows["dev"], report.rows["test"]) == (COUNT * 4 // 5, COUNT)
    assert json.loads((sound / "validate.json").read_text())["sound"] is True


def move_box(line):
    content = json.loads(line)
    content["detections"]["detections"][0]["box"] = [10, 10, 1200, 20]
    return json.dumps(content)


def grow_box(line):
    content = json.loads(line)
    content["trace"]["inspections"][0]["box"] = [0, 0, 1000, 1000]
    return json.dumps(content)


FAULTS = {
    "half a line": ("not a row", lambda line: line[:50]),
    "another label": ("not a row", as_json(label="joy")),
    "box out of the frame": ("not a row", move_box),
    "unknown field": ("not a row", as_json(note="x")),
    "path outside": ("not a row", as_json(image="../../etc/passwd")),
    "another box than the detector's": ("trace not gold", grow_box),
    "no trace": ("no trace", as_json(trace=None)),
    "another split": ("row of another split", as_json(split="test")),
    "another dataset": ("row of another dataset", as_json(dataset="rafdb")),
    "no such image": ("image", as_json(image="images/train/none.jpg")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_with_file_and_line(directory, name):
    kind, change = FAULTS[name]
    number = next(
        n
        for n, row in enumerate(read_rows(directory / "dataset" / "sft.jsonl"))
        if row.trace.inspections
    )
    edit(directory / "dataset" / "sft.jsonl", number, change)
    report = validate(ValidateSettings(directory))
    assert dict(report.errors) == {kind: 1}
    assert report.named[0].startswith(
        f"{kind}: {directory / 'dataset' / 'sft.jsonl'}:{number + 1}: "
    )


def test_pictures_are_looked_at(directory):
    row = first(directory)
    Image.new("RGB", (100, 100)).save(directory / row.image)
    assert "100x100 pixels" in validate(ValidateSettings(directory)).named[0]
    (directory / row.image).write_bytes(
        (directory / first(directory, "dev").image).read_bytes()[:900]
    )
    assert validate(ValidateSettings(directory)).sound  # the header is whole
    assert dict(validate(ValidateSettings(directory, pixels=True)).errors) == {"image": 1}
    (directory / row.image).unlink()
    (directory / row.image).symlink_to("/etc/hostname")
    assert dict(validate(ValidateSettings(directory)).errors) == {"image": 1}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda row: {"identity": "ann"}, "person in two splits"),
        (lambda row: {"frame": json.loads(row.frame.model_dump_json())}, "picture in two splits"),
        (lambda row: {"id": row.id}, "id used twice"),
    ],
)
def test_leaks_between_parts_are_found(directory, change, kind):
    row = first(directory)
    if kind == "id used twice":
        path, changes = directory / "dataset" / "rl.jsonl", change(row)
    else:
        path, changes = directory / "dataset" / "dev.jsonl", change(row)
        edit(directory / "dataset" / "sft.jsonl", 0, as_json(**changes))
    edit(path, 0, as_json(**changes))
    assert dict(validate(ValidateSettings(directory)).errors) == {kind: 1}


def test_near_duplicates_and_rare_classes_are_warnings(directory):
    near = f"{int(first(directory).frame.phash, 16) ^ 0b101:016x}"
    frame = {"side": 48, "how": "whole", "phash": near}
    edit(directory / "detected" / "test.jsonl", 0, as_json(frame=frame))
    path = directory / "dataset" / "dev.jsonl"
    write_rows(path, [row for row in read_rows(path) if row.label != "fear"])
    report = validate(ValidateSettings(directory))
    assert report.sound
    assert (
        "1 pictures of sft are near duplicates of one in test; next: tag-plugin quality"
        in report.warnings
    )
    assert any(text.startswith("dev: few rows of fear 0") for text in report.warnings)


def test_the_command_says_sound_or_names_the_rows(directory):
    done = CliRunner().invoke(app, ["data", "validate", str(directory), "--workers", "1"])
    assert (done.exit_code, "sound" in done.output) == (0, True)
    edit(directory / "dataset" / "rl.jsonl", 0, lambda line: "{}")
    done = CliRunner().invoke(app, ["data", "validate", str(directory), "--workers", "1"])
    assert done.exit_code == 1
    assert "rl.jsonl:1: row: id: Field required" in done.output


def test_nothing_to_check_is_said(tmp_path):
    with pytest.raises(StageError, match="no rows in"):
        validate(ValidateSettings(tmp_path))


def test_show_draws_faces_with_boxes(sound, tmp_path):
    out = tmp_path / "sheet.png"
    words = ["data", "show", str(sound), "--per-label", "2", "--out", str(out)]
    assert CliRunner().invoke(app, words).exit_code == 0
    with Image.open(out) as page:
        sheet = np.asarray(page.convert("RGB")).astype(int)
    rows = read_rows(sound / "dataset" / "sft.jsonl")
    aus = {each.au for row in rows for each in row.detections.on(row.detector.thresholds)}
    colours = [ImageColor.getrgb(AU_COLOURS[au]) for au in aus]
    drawn = [au for au, rgb in zip(aus, colours, strict=True) if (sheet == rgb).all(2).sum() > 500]
    assert len(drawn) > len(aus) / 2  # not every AU is on one of the few faces


def test_show_tells_why_build_dropped_a_row(directory, tmp_path, monkeypatch):
    row = next(read_rows(directory / "detected" / "train.jsonl"))
    listed = directory / "dropped" / "built-train.jsonl"
    listed.write_text(json.dumps({"id": row.id, "reason": "no face", "detail": "nor a head"}))
    lines = []
    monkeypatch.setattr(dataset_sheet, "write_lines", lambda page, text, *_: lines.extend(text))
    words = ["data", "show", str(directory), "--dropped", "--out", str(tmp_path / "sheet.png")]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert lines[:2] == [f"{row.label}   {row.id}", "DROPPED: no face: nor a head"]
    listed.unlink()
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, str(done.exception)) == (
        1,
        f"build dropped nothing of 'train' in {directory}",
    )


def test_a_sheet_of_too_many_faces_is_refused(sound, monkeypatch):
    monkeypatch.setattr(dataset_sheet, "MOST_FACES", 3)
    done = CliRunner().invoke(app, ["data", "show", str(sound)])
    assert done.exit_code == 1
    assert "next: --per-label" in str(done.exception)


def test_show_names_the_parts_there_are(sound, tmp_path):
    copy = shutil.copytree(sound, tmp_path / "ferplus")
    (rl,) = copy.glob("dataset/rl*")
    rl.unlink()
    done = CliRunner().invoke(app, ["data", "show", str(copy), "--part", "rl"])
    assert done.exit_code == 1
    assert "no rows of 'rl', only sft, dev, test" in str(done.exception)
