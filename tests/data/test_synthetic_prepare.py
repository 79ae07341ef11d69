"""Procedural faces as a dataset: the layout, resuming, and the exact detector."""

import json
from functools import partial

import cv2
import numpy as np
import pytest

from tag_plugin.data.rows import read_rows
from tag_plugin.data.synthetic.face_id import Edit, FaceId, edit_of, parse_face_id
from tag_plugin.data.synthetic.prepare import REDRAWN, prepare_synth
from tag_plugin.data.synthetic.redrawn import clear_emotion, drawn_face, redrawn_ids, region
from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.render import render
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.detectors.registry import detector
from tag_plugin.facs.detections import Thresholds

COUNTS = {"train": 5, "dev": 2, "test": 3}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("data")
    assert prepare_synth(out, COUNTS, seed=4, workers=1) == COUNTS
    return out / "synth"


def rows_of(made):
    return [row for split in COUNTS for row in read_rows(made / "prepared" / f"{split}.jsonl")]


def test_rows_and_pictures_are_where_the_layout_says(made):
    rows = rows_of(made)
    assert len({row.id for row in rows}) == 10
    for row in rows:
        face = parse_face_id(row.id)
        picture = cv2.cvtColor(cv2.imread(str(made / row.image)), cv2.COLOR_BGR2RGB)
        exact = render(sample_face(face.seed, face.index))
        assert picture.shape == (448, 448, 3)
        assert np.abs(picture.astype(int) - exact).mean() < 4  # JPEG at quality 95
        assert row.label == sample_face(face.seed, face.index).emotion
        assert row.image.startswith(f"images/{row.split}/") and row.detections is None


def test_the_manifest_says_what_was_made(made):
    manifest = json.loads((made / "prepare.json").read_text())
    assert manifest["settings"] == {"faces": "drawn", "seed": 4}
    assert {split: each["rows"] for split, each in manifest["splits"].items()} == COUNTS


def test_the_faces_of_an_earlier_version_are_known_and_go_on(tmp_path):
    prepare_synth(tmp_path, {"train": 2}, seed=4, workers=1)
    root = tmp_path / "synth"
    (root / "prepare.json").unlink()
    former = root / "prepared/prepare.json"
    former.write_text(json.dumps({"version": 1, "dataset": "synth", "seed": 4, "rows": {}}))
    with pytest.raises(ValueError, match="the faces of seed 4"):
        prepare_synth(tmp_path, {"train": 2}, seed=5, workers=1)
    prepare_synth(tmp_path, {"train": 2}, seed=4, workers=1)
    assert not former.exists(), "there is one manifest"


def test_a_second_run_keeps_pictures_and_draws_what_is_missing(made):
    row = rows_of(made)[0]
    kept, lost = (made / r.image for r in rows_of(made)[:2])
    before = kept.stat().st_mtime_ns
    lost.unlink()
    prepare_synth(made.parent, COUNTS, seed=4, workers=1)
    assert kept.stat().st_mtime_ns == before and lost.exists()
    assert rows_of(made)[0] == row and not list(made.rglob("*.partial"))


def test_progress_is_no_output(tmp_path, capsys):
    prepare_synth(tmp_path, COUNTS, workers=1)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "faces: train" in shown.err


def test_a_negative_count_is_refused(tmp_path):
    with pytest.raises(ValueError, match="negative number of faces"):
        prepare_synth(tmp_path, {"train": -1})


def test_a_name_of_ones_own(tmp_path):
    prepare_synth(tmp_path, {"train": 2}, seed=4, workers=1, name="practice")
    rows = list(read_rows(tmp_path / "practice" / "prepared" / "train.jsonl"))
    assert [(row.dataset, row.id) for row in rows] == [
        ("practice", "synth-12-000000"),
        ("practice", "synth-12-000001"),
    ]
    assert (tmp_path / "practice" / rows[0].image).is_file()


def test_another_dataset_is_never_written_over(tmp_path):
    prepare_synth(tmp_path, {"train": 2}, seed=4, workers=1)
    other = tmp_path / "ferplus" / "prepared"
    other.mkdir(parents=True)
    (other / "train.jsonl").write_text("{}\n")
    for name, seed, held in (("synth", 5, "the faces of seed 4"), ("ferplus", 4, "another")):
        with pytest.raises(ValueError, match=f"holds {held}.*next: .*--name"):
            prepare_synth(tmp_path, {"train": 1}, seed=seed, workers=1, name=name)
    assert (other / "train.jsonl").read_text() == "{}\n"


def test_a_run_that_was_killed_between_two_splits_goes_on(tmp_path, monkeypatch):
    def killed(split):
        if split == "dev":
            raise KeyboardInterrupt
        return seeds(split)

    seeds = partial(split_seed, 4)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(
            "tag_plugin.data.synthetic.prepare.split_seed", lambda _, split: killed(split)
        )
        prepare_synth(tmp_path, COUNTS, seed=4, workers=1)
    assert (tmp_path / "synth" / "prepared" / "train.jsonl").is_file()
    assert prepare_synth(tmp_path, COUNTS, seed=4, workers=1) == COUNTS


def test_the_exact_detector_needs_no_picture(made):
    def never():
        raise AssertionError("looked at the picture")

    with detector("synthetic") as exact:
        for row in rows_of(made):
            face = parse_face_id(row.id)
            assert exact.detect_row(row, never) == detections(sample_face(face.seed, face.index))
        assert exact.info.name == "synthetic"


@pytest.mark.parametrize(
    "row_id",
    ["synth-1", "ferplus-1-2", "synth-a-2", "synth-1-2-3", "synth-1-2-with", "synth-1-2-as-3", ""],
)
def test_a_row_that_is_no_procedural_face_is_named(row_id):
    with pytest.raises(ValueError, match="no procedural face"):
        parse_face_id(row_id)


@pytest.mark.parametrize("edit", [None, Edit(4, added=True), Edit(17, added=False)])
def test_a_face_id_survives_its_text(edit):
    assert parse_face_id(str(FaceId(12, 345, edit))) == FaceId(12, 345, edit)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a b", "", "con"])
def test_a_set_of_drawings_needs_a_plain_name_too(tmp_path, name):
    with pytest.raises(ValueError, match="cannot name a dataset"):
        prepare_synth(tmp_path / "out", {"train": 1}, workers=1, name=name)
    assert list(tmp_path.iterdir()) == []


def test_a_face_is_drawn_again_with_one_unit_more_or_less_and_nothing_else_changed():
    changed = 0
    for index in range(6):
        first, *others = redrawn_ids(FaceId(split_seed(0, "test"), index)) or [None]
        for other in others:
            one, two = drawn_face(first), drawn_face(other)
            before, after = detections(one), detections(two)
            on = [{each.au for each in seen.on(Thresholds())} for seen in (before, after)]
            assert on[0] ^ on[1] == {other.edit.au}
            assert (other.edit.au in on[1]) == other.edit.added
            differs = (render(one) != render(two)).any(axis=2)
            assert differs.sum() > 300, "it shows"
            for seen in (before, after):
                box = next(each.box for each in seen.detections if each.au == other.edit.au)
                x1, y1, x2, y2 = region(box)
                differs[y1:y2, x1:x2] = False
            assert not differs.any(), "outside the region of the AU every pixel is the same"
            assert clear_emotion(after) == two.emotion and clear_emotion(before) == one.emotion
            changed += 1
    assert changed >= 6


def test_redrawn_faces_are_a_dataset_of_their_own(tmp_path):
    counts = prepare_synth(tmp_path, {"test": 3}, workers=1, name=REDRAWN, again=True)
    rows = list(read_rows(tmp_path / REDRAWN / "prepared" / "test.jsonl"))
    assert counts["test"] == len(rows) > 3
    assert {edit_of(row.id) is None for row in rows} == {True, False}
    assert all((tmp_path / REDRAWN / row.image).is_file() for row in rows)
    with pytest.raises(ValueError, match="holds another dataset"):
        prepare_synth(tmp_path, {"test": 3}, workers=1, name=REDRAWN)
