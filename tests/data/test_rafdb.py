"""RAF-DB: both layouts, the class numbers, and copies that must be refused."""

import pytest

from tag_plugin.data.rafdb import BAD_ANNOTATION, OFFICIAL_COUNTS, RafDb, RafDbImages
from tag_plugin.data.source import LeftOut, Pictures, SourceError, train_or_dev

LABELS = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]


def listed(root, lines):
    (root / "EmoLabel").mkdir()
    (root / "EmoLabel" / "list_patition_label.txt").write_text("\n".join(lines) + "\n")
    return root


def full_list(order):
    """The whole published list; class k of it is called `order[k]`."""
    lines = []
    for part, counts in OFFICIAL_COUNTS.items():
        codes = [code for label in LABELS for code in [order.index(label) + 1] * counts[label]]
        lines += [f"{part}_{number:05d}.jpg {code}" for number, code in enumerate(codes, 1)]
    return lines


def foldered(root):
    for part in ("train", "test"):
        for code in range(1, 8):
            folder = root / "DATASET" / part / str(code)
            folder.mkdir(parents=True)
            (folder / f"{part}_{code:05d}_aligned.jpg").touch()
    return root


def faces(source, *splits):
    return [entry for split in splits for entry in source.entries(split)]


@pytest.mark.parametrize(
    ("images", "file"),
    [
        (RafDbImages.ALIGNED, "aligned/test_00001_aligned.jpg"),
        (RafDbImages.ORIGINAL, "original/test_00001.jpg"),
    ],
)
def test_numbers_become_names_and_files(tmp_path, images, file):
    source = RafDb(listed(tmp_path, [f"test_{n:05d}.jpg {n}" for n in range(1, 8)]), images)
    found = faces(source, "test")
    assert [face.label for face in found] == LABELS
    assert found[0].image == tmp_path / "Image" / file


def test_class_folders_are_read_the_same_way(tmp_path):
    source = RafDb(foldered(tmp_path))
    assert [face.label for face in faces(source, "test")] == LABELS
    assert sorted(face.label for face in faces(source, "train", "dev")) == sorted(LABELS)


def test_the_official_release_gives_the_published_counts(tmp_path):
    source = RafDb(listed(tmp_path, full_list(LABELS)))
    assert source.settings["counts of train"] == "as published"
    assert len(faces(source, "test")) == 3_068
    train, dev = faces(source, "train"), faces(source, "dev")
    assert len(train) + len(dev) == 12_271
    assert not {face.id for face in train} & {face.id for face in dev}
    assert 500 < len(dev) < 730  # about a twentieth


def test_permuted_class_numbers_are_refused(tmp_path):
    with pytest.raises(SourceError, match="class codes of this copy are permuted"):
        RafDb(listed(tmp_path, full_list(sorted(LABELS))))


@pytest.mark.parametrize("order", [LABELS, sorted(LABELS)])
def test_permuted_class_folders_are_refused(tmp_path, order):
    for part, counts in OFFICIAL_COUNTS.items():
        for label, count in counts.items():
            folder = tmp_path / "DATASET" / part / str(order.index(label) + 1)
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{part}_{label}{number}_aligned.jpg").touch()
    if order == LABELS:
        assert RafDb(tmp_path).settings["counts of test"] == "as published"
    else:
        with pytest.raises(SourceError, match="class codes of this copy are permuted"):
            RafDb(tmp_path)


def annotated(root, name, lines):
    folder = root / "Annotation" / "manual"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}_manu_attri.txt").write_text("\n".join(lines) + "\n")


LANDMARKS = ["100.0\t200.0", "140.0\t200.0", "120\t220", "105.5 250", "135 250"]


@pytest.mark.parametrize(
    ("images", "crop"),
    [(RafDbImages.ALIGNED, None), (RafDbImages.ORIGINAL, (65, 170, 175, 280))],
)
def test_manual_annotations_give_attributes_and_the_crop(tmp_path, images, crop):
    annotated(tmp_path, "test_00001", [*LANDMARKS, "1", "2", "0"])
    (face,) = faces(RafDb(listed(tmp_path, ["test_00001.jpg 1"]), images), "test")
    assert face.attributes == {"gender": "female", "race": "Asian", "age": "0-3"}
    assert face.crop == crop


def test_without_annotations_a_photograph_is_a_scene(tmp_path):
    source = RafDb(listed(tmp_path, ["test_00001.jpg 1"]), RafDbImages.ORIGINAL)
    (face,) = faces(source, "test")
    assert (face.crop, face.attributes, source.pictures) == (None, {}, Pictures.SCENES)


@pytest.mark.parametrize(
    "lines",
    [
        LANDMARKS,
        [*LANDMARKS, "1", "2", "9"],
        [*LANDMARKS[:3], "1", "2", "0"],
        [*LANDMARKS, "f", "2", "0"],
        ["<html>"],
    ],
)
def test_an_annotation_of_another_shape_leaves_its_face_out(tmp_path, lines):
    annotated(tmp_path, "test_00001", lines)
    (entry,) = faces(RafDb(listed(tmp_path, ["test_00001.jpg 1"])), "test")
    assert (entry.id, entry.reason) == ("test_00001", BAD_ANNOTATION)
    assert "test_00001_manu_attri.txt: expected 5 lines" in entry.detail


def test_other_counts_are_stated(tmp_path):
    source = RafDb(listed(tmp_path, ["test_00001.jpg 1"]))
    assert source.settings["counts of test"] == "1 faces, published 3068"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train_00001.jpg 11", "list_patition_label.txt:2.*compound"),
        ("train_00001.jpg 0", "label 1..7"),
        ("train_00001.jpg", "label 1..7"),
        ("../../secret.jpg 1", "label 1..7"),
        ("train_/../../secret.jpg 1", "label 1..7"),
    ],
)
def test_a_line_of_another_list_is_named(tmp_path, line, message):
    with pytest.raises(SourceError, match=message):
        RafDb(listed(tmp_path, ["test_00001.jpg 1", line]))


def test_a_repeated_name_is_left_out(tmp_path):
    source = RafDb(listed(tmp_path, ["test_00001.jpg 1", "test_00001.jpg 2"]))
    assert isinstance(faces(source, "test")[1], LeftOut)


def test_a_missing_dataset_says_how_to_request_it(tmp_path):
    with pytest.raises(SourceError, match=r"expected in one of these layouts.*on request"):
        RafDb(tmp_path)


def test_the_hold_out_is_the_same_for_ever():
    assert [train_or_dev(f"train_{n:05d}") for n in (1, 2, 3)] == ["train", "train", "train"]
    assert sum(train_or_dev(str(n)) == "dev" for n in range(10_000)) == pytest.approx(500, abs=70)
