"""Rows -> ultralytics' layout; needs no ultralytics."""

import pytest
import yaml

from tag_plugin.data.rows import write_rows
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.yolo.dataset import (
    NO_FACE,
    NO_IMAGE,
    export,
    label_line,
    present,
)
from tag_plugin.facs.boxes import BOX_SCALE, Box
from tests.detectors.yolo.synthetic_rows import COUNTS, write_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "synth"
    return directory, write_dataset(directory)


def exported(dataset, out, **settings):
    return export(dataset[0], out, **{"min_faces": 3, **settings})


def test_every_present_au_of_every_face_has_its_line(dataset, tmp_path):
    found = exported(dataset, tmp_path / "yolo")
    for split, rows in dataset[1].items():
        for number, row in enumerate(rows):
            text = (tmp_path / "yolo" / "labels" / split / f"{number:08d}.txt").read_text()
            expected = [
                label_line(found.classes.index(each.au), each.box)
                for each in present(row)
                if each.au in found.classes
            ]
            assert text.splitlines() == expected
            image = tmp_path / "yolo" / "images" / split / f"{number:08d}.jpg"
            assert image.resolve() == (dataset[0] / row.image).resolve()
    assert found.images == COUNTS
    assert found.faces["train"][found.classes[0]] >= 3


def test_a_line_gives_the_box_back(dataset):
    box = Box(101, 250, 399, 1000)
    number, x, y, width, height = map(float, label_line(7, box).split())
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    assert number == 7
    assert tuple(round(c * BOX_SCALE) for c in corners) == box.as_tuple()


def test_classes_are_named_by_their_aus_and_rare_ones_are_counted(dataset, tmp_path):
    found = exported(dataset, tmp_path / "yolo", min_faces=6)
    content = yaml.safe_load(found.data_yaml.read_text())
    assert list(content["names"].values()) == [f"AU{au}" for au in found.classes]
    assert (content["train"], content["val"], content["test"]) == (
        "images/train",
        "images/dev",
        "images/test",
    )
    assert found.left_out
    assert all(count < 6 for count in found.left_out.values())


def test_undecided_aus_are_not_labelled(dataset):
    shown = {(row.id, found.au) for row in dataset[1]["train"] for found in present(row)}
    faint = {
        (row.id, found.au)
        for row in dataset[1]["train"]
        for found in row.detections.detections
        if found.probability < 0.5
    }
    assert faint
    assert not shown & faint


def test_rows_without_a_face_or_an_image_are_counted_and_left_out(dataset, tmp_path):
    directory = tmp_path / "synth"
    rows = write_dataset(directory, {"train": 12, "dev": 2})
    rows["train"][3] = rows["train"][3].model_copy(update={"detections": None})
    (directory / rows["train"][5].image).unlink()
    write_rows(directory / "detected" / "train.jsonl", rows["train"])
    found = exported((directory, rows), tmp_path / "yolo", copy=True)
    assert found.images == {"train": 10, "dev": 2}
    assert found.skipped == {"train": {NO_FACE: 1, NO_IMAGE: 1}, "dev": {}}
    names = sorted(path.stem for path in (tmp_path / "yolo" / "images" / "train").iterdir())
    assert names == [f"{n:08d}" for n in range(12) if n not in (3, 5)]
    assert not any(path.is_symlink() for path in (tmp_path / "yolo" / "images").rglob("*"))


def test_what_cannot_be_exported_says_the_next_command(dataset, tmp_path):
    with pytest.raises(DetectorError, match=r"no detected rows .*tag-plugin detect"):
        export(tmp_path, tmp_path / "yolo")
    with pytest.raises(DetectorError, match=r"no AU is on in 500 faces; next: .*--min-faces"):
        exported(dataset, tmp_path / "yolo", min_faces=500)
    (tmp_path / "yolo").mkdir()
    with pytest.raises(DetectorError, match=r"yolo exists; next"):
        exported(dataset, tmp_path / "yolo")
