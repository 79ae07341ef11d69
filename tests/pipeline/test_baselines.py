"""baselines.json beside the rows: written by detect and build, read for the test rows."""

import json

import pytest

from tag_plugin.data.rows import DetectorInfo, Row, write_rows
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.pipeline.as_built import asked_as_built
from tag_plugin.pipeline.baselines import BASELINES_FILE, read_baselines, write_baselines
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.support import SupportRule
from tag_plugin.scoring.score import JudgeConfig

SMILE, BROWS = Box(300, 600, 700, 800), Box(200, 200, 800, 400)
SEEN = {"happiness": ((12, SMILE, 0.9),), "anger": ((4, BROWS, 0.7),), "sadness": ()}


def row(label, split="train", number=0, **changes):
    found = tuple(Detection(au=au, probability=p, box=box) for au, box, p in SEEN[label])
    return Row(
        id=f"{split}-{label}-{number}",
        dataset="faces",
        split=split,
        image=f"{label}.jpg",
        label=label,
        label_set="ferplus",
        detections=Detections(detections=found, supported=frozenset({4, 12, 15})),
        detector=DetectorInfo(name="synthetic", version="1"),
    ).model_copy(update=changes)


@pytest.fixture
def faces(tmp_path):
    folder = tmp_path / "faces"
    for split in ("train", "test"):
        write_rows(folder / "detected" / f"{split}.jsonl", [row(label, split) for label in SEEN])
    return folder


def test_they_are_fitted_on_the_train_faces_and_fit_the_test_rows(faces):
    written = write_baselines(faces)
    found = read_baselines(faces, row("anger", "test"))
    assert found == written
    assert {target.au: target.box for target in found.baselines.template} == {4: BROWS, 12: SMILE}
    assert found.baselines.by_answer == {"happiness": (12,), "anger": (4,), "sadness": ()}
    assert found.faces == 3


def test_they_are_fitted_once_and_anew_when_the_train_faces_change(faces):
    first, path = write_baselines(faces), faces / BASELINES_FILE
    before = path.stat()
    assert write_baselines(faces) == first
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    write_rows(faces / "detected/train.jsonl", [row("anger")])
    changed = write_baselines(faces)
    assert changed.digest != first.digest
    path.write_text("{")
    assert write_baselines(faces) == changed


def test_without_train_faces_none_are_written_and_those_that_came_with_the_rows_stay(faces):
    written = write_baselines(faces)
    (faces / "detected/train.jsonl").unlink()
    assert write_baselines(faces) is None
    assert read_baselines(faces, row("anger", "test")) == written


def test_build_fits_them_to_the_aus_that_its_traces_name(faces):
    write_baselines(faces)
    sure = JudgeConfig.model_validate({"thresholds": {"on": 0.8}})
    build(BuildSettings(faces, judge=sure, support=SupportRule("any")))
    found = read_baselines(faces, row("anger", "test", asked=asked_as_built(faces)))
    assert [target.au for target in found.baselines.template] == [12]


def spoil(faces, **changes):
    path = faces / BASELINES_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


BROKEN = [
    ("missing", lambda f: (f / BASELINES_FILE).unlink(), "no .*baselines.json"),
    ("not JSON", lambda f: (f / BASELINES_FILE).write_bytes(b"\xff{"), "baselines.json"),
    ("not an object", lambda f: (f / BASELINES_FILE).write_text("[]"), "baselines.json"),
    ("another version", lambda f: spoil(f, version=9), "version"),
    ("more than it may hold", lambda f: spoil(f, baselines={"template": [{}] * 99}), "template"),
    ("another detector", lambda f: spoil(f, detector={"name": "x", "version": "1"}), "detector is"),
    ("other AUs", lambda f: spoil(f, asked={"top_k": 2}), "asked is another one"),
]


@pytest.mark.parametrize(("damage", "message"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_what_does_not_fit_is_one_line_with_the_next_command(faces, damage, message):
    write_baselines(faces)
    damage(faces)
    with pytest.raises(StageError, match=f"{message}.*next: tag-plugin detect {faces}") as caught:
        read_baselines(faces, row("anger", "test"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700
