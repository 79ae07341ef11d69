"""A user's own class folders: classes by name, splits that hold, names that cannot harm."""

import numpy as np
import pytest
from PIL import Image

from tag_plugin.data.file_names import file_id
from tag_plugin.data.folder import CLASS_LEFT_OUT, NO_PICTURE, STRAY, ImageFolder
from tag_plugin.data.picture import BAD_NAME
from tag_plugin.data.source import LeftOut, SourceError, SourceFace

NAMES = ["angry", "1_disgust", "Fear", "happy", "neutrality", "sad", "Surprised"]


def tree(root, names, count=3, split=""):
    for name in names:
        (root / split / name).mkdir(parents=True)
        for number in range(count):
            shade = np.full((8, 8), number, dtype=np.uint8)
            Image.fromarray(shade).save(root / split / name / f"{number:03d}.png")
    return root


def entries(source, *splits):
    return [
        entry for split in splits or ("train", "dev", "test") for entry in source.entries(split)
    ]


def test_classes_go_by_name_in_any_order(tmp_path):
    source = ImageFolder(tree(tmp_path, NAMES), "mine")
    labels = {entry.image.parent.name: entry.label for entry in entries(source)}
    assert labels == {
        "angry": "anger",
        "1_disgust": "disgust",
        "Fear": "fear",
        "happy": "happiness",
        "neutrality": "neutral",
        "sad": "sadness",
        "Surprised": "surprise",
    }


def test_numbered_classes_are_refused(tmp_path):
    """Whoever numbered them, nobody can tell which class 3 is."""
    with pytest.raises(SourceError, match=r"'1', '2'.* never by number.*--class 1=EMOTION"):
        ImageFolder(tree(tmp_path, ["1", "2"]), "mine")


@pytest.mark.parametrize(
    ("names", "declared", "message"),
    [
        (["happy", "bored"], {}, r"'bored' is no class of basic7.*--class bored=EMOTION"),
        (["happy", "contempt"], {}, r"--labels basic8 has contempt"),
        (["happy", "joy"], {}, r"'happy' and 'joy' are both happiness"),
        (["happy"], {"happy": "glee"}, r"'happy' is no class"),
        ([], {}, r"no class folders; expected ROOT/happy"),
    ],
)
def test_a_name_that_is_no_class_is_explained(tmp_path, names, declared, message):
    with pytest.raises(SourceError, match=message):
        ImageFolder(tree(tmp_path, names), "mine", declared=declared)


def test_a_class_can_be_declared_or_left_out(tmp_path):
    declared = {"bored": "", "joy": "happiness", "c4": "anger"}
    source = ImageFolder(tree(tmp_path, ["happy", "joy", "bored", "c4"]), "mine", declared=declared)
    found = entries(source)
    assert {each.label for each in found if isinstance(each, SourceFace)} == {"happiness", "anger"}
    left_out = [each for each in found if isinstance(each, LeftOut)]
    assert [each.reason for each in left_out] == [CLASS_LEFT_OUT] * 3


def test_split_folders_are_kept_and_val_is_dev(tmp_path):
    for split in ("train", "validation", "test"):
        tree(tmp_path, ["happy"], 2, split)
    source = ImageFolder(tmp_path, "mine")
    for split, folder in (("train", "train"), ("dev", "validation"), ("test", "test")):
        assert {entry.image.parent.parent.name for entry in source.entries(split)} == {folder}


def test_without_split_folders_a_fixed_share_is_held_out(tmp_path):
    source = ImageFolder(tree(tmp_path, ["happy", "sad"], 200), "mine")
    parts = {
        split: [each.id for each in source.entries(split)] for split in ("train", "dev", "test")
    }
    assert sum(map(len, parts.values())) == len(set().union(*parts.values())) == 400
    assert len(parts["test"]) == pytest.approx(40, abs=20)
    assert len(parts["dev"]) == pytest.approx(20, abs=14)
    again = ImageFolder(tmp_path, "mine")
    assert [each.id for each in again.entries("dev")] == parts["dev"]


def test_a_person_stays_in_one_split(tmp_path):
    for person in range(30):
        tree(tmp_path, ["happy", "sad"] if person == 0 else [], 0)
        for number in range(4):
            picture = Image.new("L", (8, 8), person)
            picture.save(tmp_path / "happy" / f"p{person:02d}_{number}.png")
    source = ImageFolder(tmp_path, "mine", identity=r"/(p\d+)_")
    people = [
        {each.identity for each in source.entries(split)} for split in ("train", "dev", "test")
    ]
    assert len(set().union(*people)) == sum(map(len, people)) == 30


@pytest.mark.parametrize("identity", ["p(", "p", "(p)(q)"])
def test_a_bad_identity_expression_is_refused(tmp_path, identity):
    with pytest.raises(SourceError, match="--identity"):
        ImageFolder(tree(tmp_path, ["happy"]), "mine", identity=identity)


def test_harmful_names_are_left_out_by_name(tmp_path):
    tree(tmp_path, ["happy"], 1)
    (tmp_path / "happy" / "two\nlines.png").touch()
    (tmp_path / "happy" / "notes.txt").touch()
    (tmp_path / "happy" / ".hidden.png").touch()
    (tmp_path / "happy" / "deeper").mkdir()
    (tmp_path / "happy" / "deeper" / "a b/").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "happy" / "deeper" / "a b" / "é.png")
    found = entries(ImageFolder(tmp_path, "mine"))
    reasons = sorted(each.reason for each in found if isinstance(each, LeftOut))
    assert reasons == sorted([BAD_NAME, NO_PICTURE])
    assert len([each for each in found if isinstance(each, SourceFace)]) == 2


def test_ids_are_fit_for_file_names_and_never_clash(tmp_path):
    from pathlib import Path

    paths = [
        "a/b_c.png",
        "a_b/c.png",
        "a b/c.png",
        "é.png",
        "è.png",
        "x" * 300 + ".png",
        "a.png",
        "a.jpg",
    ]
    ids = [file_id(Path(path)) for path in paths]
    assert len(set(ids)) == len(ids)
    assert all(len(each) < 100 and each.isascii() and "/" not in each for each in ids)


def test_a_link_to_a_folder_is_not_walked(tmp_path):
    tree(tmp_path / "root", ["happy"], 1)
    tree(tmp_path / "outside", ["sad"], 5)
    (tmp_path / "root" / "happy" / "link").symlink_to(tmp_path / "outside")
    found = entries(ImageFolder(tmp_path / "root", "mine"))
    assert [type(each) for each in found].count(SourceFace) == 1


@pytest.mark.parametrize("name", ["", "../up", "a b", "x/y"])
def test_a_dataset_needs_a_plain_name(tmp_path, name):
    with pytest.raises(SourceError, match="cannot name a dataset"):
        ImageFolder(tree(tmp_path, ["happy"]), name)


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        (("Train", "Test"), {"train": 2, "test": 2}),
        (("TRAIN", "VAL"), {"train": 2, "dev": 2}),
        (("Training", "PublicTest", "PrivateTest"), {"train": 2, "dev": 2, "test": 2}),
        (("train", "Validation", "test_set"), {"train": 2, "dev": 2, "test": 2}),
    ],
)
@pytest.mark.parametrize("above", ["", "images", "__MACOSX/.."])
def test_split_folders_are_seen_whatever_their_case(tmp_path, splits, expected, above):
    for split in splits:
        tree(tmp_path / above, ["happy", "sad"], 1, split)
    source = ImageFolder(tmp_path, "mine")
    counts = {split: len(list(source.entries(split))) for split in ("train", "dev", "test")}
    assert {split: count for split, count in counts.items() if count} == expected


def test_what_a_system_left_and_folders_without_pictures_are_passed_over(tmp_path):
    for split in ("train", "test"):
        tree(tmp_path, ["happy"], 2, split)
        (tmp_path / split / "happy" / "Thumbs.db").touch()
        (tmp_path / split / "happy" / "._000.png").touch()
        (tmp_path / split / ".DS_Store").touch()
    tree(tmp_path, ["happy"], 1, "__MACOSX/train")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "readme.txt").touch()
    found = entries(ImageFolder(tmp_path, "mine"))
    assert [type(each) for each in found] == [SourceFace] * 4


def test_a_folder_with_pictures_beside_the_splits_is_named(tmp_path):
    tree(tmp_path, ["happy"], 1, "train")
    tree(tmp_path, ["more"], 1)
    with pytest.raises(SourceError, match=r"split folders \(train\), but 'more' .*next: move it"):
        ImageFolder(tmp_path, "mine")


def test_a_picture_outside_the_class_folders_is_left_out_by_name(tmp_path):
    tree(tmp_path, ["happy", "sad"], 1)
    Image.new("L", (8, 8)).save(tmp_path / "lost.png")
    left_out = [
        each for each in entries(ImageFolder(tmp_path, "mine")) if isinstance(each, LeftOut)
    ]
    assert [(each.id, each.reason) for each in left_out] == [("lost.png", STRAY)]
