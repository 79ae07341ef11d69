"""Pictures from a samples file as lmms-eval writes it."""

import json
import time

import pytest
from PIL import Image, ImageColor

from tag_plugin.report import overlay as overlay_module
from tag_plugin.report.au_colours import AU_COLOURS
from tag_plugin.report.sample_pictures import (
    SHEET,
    SamplesError,
    draw_samples,
    picture_folders,
    sample_files,
)
from tests.results.run_files import changed
from tests.results.run_files import record as judged_record


def record(folder, name, **changes):
    Image.new("RGB", (448, 448), "grey").save(folder / "face.png")
    claim = {"au": 4, "box": [250, 250, 750, 500], "region": "", "observation": "", "defects": []}
    made = {
        "image": str(folder / "face.png"),
        "completion": "Verification loop:\nInspect ...",
        "grounding": 0.25,
        "format": 0.0,
        "defects": ["missing answer"],
        "claims": [claim, {**claim, "au": None, "box": None, "defects": ["malformed box"]}],
        "targets": [{"au": 4, "box": [500, 600, 750, 900]}],
    }
    return {"judged": changed(judged_record(name, "anger", "fear"), **made | changes)}


def samples(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return path


def test_both_sets_of_boxes_are_drawn(tmp_path):
    path = samples(tmp_path / "samples_tag_synth.jsonl", [record(tmp_path, "a")])
    written = draw_samples(path, tmp_path / "out", 5)
    assert [file.name for file in written] == ["a.png", SHEET]
    with Image.open(written[0]) as page:
        colour = ImageColor.getrgb(AU_COLOURS[4])
        assert page.getpixel((112, 180)) == colour  # predicted: the whole box
        assert page.getpixel((224, 272)) == colour  # reference: its corners
        assert page.getpixel((224, 330)) != colour


@pytest.mark.parametrize(
    "changes", [{"targets": None}, {"answer": None}, {"claims": [], "judged_claims": []}]
)
def test_a_sample_without_detections_answer_or_claims_is_drawn(tmp_path, changes):
    path = samples(tmp_path / "samples_tag_x.jsonl", [record(tmp_path, "a", **changes)])
    assert len(draw_samples(path, tmp_path / "out", 1)) == 2


def test_the_pictures_are_spread_over_the_file(tmp_path):
    path = samples(tmp_path / "s.jsonl", [record(tmp_path, f"{n:02d}") for n in range(30)])
    names = [file.name for file in draw_samples(path, tmp_path / "out", 3)]
    assert names == ["00.png", "10.png", "20.png", SHEET]


def test_an_id_cannot_write_outside_the_folder(tmp_path):
    path = samples(tmp_path / "s.jsonl", [record(tmp_path, "../../evil")])
    written = draw_samples(path, tmp_path / "out", 1)
    assert all(file.parent == tmp_path / "out" for file in written)


def test_the_newest_file_of_each_task_is_taken(tmp_path):
    for name in ("20250101_samples_tag_a.jsonl", "20250202_samples_tag_a.jsonl"):
        samples(tmp_path / "model" / name, [])
    newest = samples(tmp_path / "model" / "20250101_samples_tag_b.jsonl", [])
    found = sample_files(tmp_path)
    assert [file.name for file in found] == ["20250202_samples_tag_a.jsonl", newest.name]


def test_each_model_has_a_folder_of_its_own_where_there_are_several(tmp_path):
    for model in ("one", "two"):
        samples(tmp_path / model / "20250101_samples_tag_a.jsonl", [])
    files = sample_files(tmp_path)
    folders = picture_folders(files, tmp_path)
    assert [str(folder) for folder in folders.values()] == ["one/tag_a", "two/tag_a"]
    assert [str(folder) for folder in picture_folders(files[:1], tmp_path).values()] == ["tag_a"]


def test_ids_that_look_alike_do_not_overwrite_each_other(tmp_path):
    names = ["a/1", "a_1", "a:1", "sheet", "x" * 300, "x" * 299]
    path = samples(tmp_path / "s.jsonl", [record(tmp_path, name) for name in names])
    assert len(set(draw_samples(path, tmp_path / "out", 6))) == 7


def test_what_cannot_be_drawn_is_named_and_the_rest_is_drawn(tmp_path, capsys):
    lines = [record(tmp_path, "a"), record(tmp_path, "b", image="/gone.png"), {"target": 1}]
    path = samples(tmp_path / "s.jsonl", [*lines, record(tmp_path, "a"), record(tmp_path, "c")])
    names = [file.name for file in draw_samples(path, tmp_path / "out", 9)]
    assert names == ["a.png", "c.png", SHEET]
    told = capsys.readouterr().err
    for words in ("s.jsonl:3: not a sample", "s.jsonl:4: a is also at", "gone.png"):
        assert words in told
    assert told.count("left out") == 3


@pytest.mark.parametrize("text", ["x" * 5_000_000, "word " * 1_000_000, "\n" * 5_000_000])
def test_a_completion_of_any_length_is_drawn_and_said_to_be_cut(tmp_path, monkeypatch, text):
    drawn = []
    monkeypatch.setattr(overlay_module, "write_lines", lambda page, lines, *_: drawn.append(lines))
    path = samples(tmp_path / "s.jsonl", [record(tmp_path, "i" * 10_000, completion=text)])
    start = time.process_time()
    (page, _) = draw_samples(path, tmp_path / "out", 1)
    assert time.process_time() - start < 5
    with Image.open(page) as picture:
        assert picture.height < 5_000
    assert drawn[0][-1].startswith("[cut: ") or "[cut: " in "".join(drawn[0])
    assert len(drawn[0][0]) < 200


@pytest.mark.parametrize(
    ("lines", "message"),
    [([], "empty"), ([{"target": "x"}], "samples.jsonl:1: not a sample of a tag_ task")],
)
def test_other_files_are_refused_by_name(tmp_path, lines, message):
    with pytest.raises(SamplesError, match=message):
        draw_samples(samples(tmp_path / "samples.jsonl", lines), tmp_path / "out", 1)


def test_a_folder_without_samples_says_what_to_run(tmp_path):
    with pytest.raises(SamplesError, match="--log_samples"):
        sample_files(tmp_path)
