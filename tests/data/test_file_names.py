"""Files are found however their names were changed on the way; ids are fit for every disk."""

from pathlib import Path

import pytest

from tag_plugin.data.file_names import (
    AMBIGUOUS,
    find_file,
    is_leftover,
    plain_id,
    same_name,
    split_of_name,
    unpacked,
)
from tag_plugin.data.picture import ImageError
from tag_plugin.data.source import SourceError


def touched(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("named", "on_disk"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("a/b.jpg", "a/b.JPG"),
        ("a/B.JPG", "a/b.jpg"),
        ("a/b.jpg", "a/b.png"),
        ("a/b.jpg", "a/b.jpeg"),
        ("a/b", "a/b.jpg"),
        ("a/b.c", "a/b.c.jpg"),
        ("A/b.jpg", "a/b.jpg"),
        ("a/e\u0301.jpg", "a/\u00e9.jpg"),
    ],
)
def test_a_file_is_found_in_another_case_form_or_suffix(tmp_path, named, on_disk):
    touched(tmp_path, on_disk)
    assert find_file(tmp_path / named, tmp_path) == tmp_path / on_disk


def test_the_exact_name_goes_before_its_siblings(tmp_path):
    touched(tmp_path, "a.jpg", "a.JPG", "a.png")
    assert find_file(tmp_path / "a.JPG", tmp_path) == tmp_path / "a.JPG"


@pytest.mark.parametrize("siblings", [("a.JPG", "A.jpg"), ("a.png", "a.bmp")])
def test_several_that_might_be_meant_are_named(tmp_path, siblings):
    touched(tmp_path, *siblings)
    with pytest.raises(ImageError) as refused:
        find_file(tmp_path / "a.jpg", tmp_path)
    assert refused.value.reason == AMBIGUOUS
    assert all(sibling in str(refused.value) for sibling in siblings)


@pytest.mark.parametrize("named", ["b.jpg", "../x.jpg", "a.txt"])
def test_what_is_not_there_stays_as_named(tmp_path, named):
    touched(tmp_path / "root", "a.jpg")
    touched(tmp_path, "X.JPG")
    path = tmp_path / "root" / named
    assert find_file(path, tmp_path / "root") == path


def test_a_folder_is_listed_once_for_all_its_names(tmp_path, monkeypatch):
    import os

    touched(tmp_path, *(f"{number}.JPG" for number in range(50)))
    listed = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or real(path))
    for number in range(50):
        assert find_file(tmp_path / f"{number}.jpg", tmp_path).suffix == ".JPG"
    assert len(listed) == 1


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Train", "train"),
        ("TRAIN", "train"),
        ("Training", "train"),
        ("VAL", "dev"),
        ("validation", "dev"),
        ("Valid", "dev"),
        ("Dev", "dev"),
        ("PublicTest", "dev"),
        ("PrivateTest", "test"),
        ("test_set", "test"),
        ("happy", None),
        ("trained", None),
    ],
)
def test_splits_are_known_by_their_usual_names(name, split):
    assert split_of_name(name) == split


@pytest.mark.parametrize("name", ["__MACOSX", ".DS_Store", "Thumbs.db", "._a.jpg", "desktop.ini"])
def test_what_a_system_leaves_behind_is_known(name):
    assert is_leftover(name)


@pytest.mark.parametrize(
    "name", ["x" * 240, "con", "NUL", "com1", "a.", "a ", "a b", "é", "-a", ".a", "a/b", "a\\b", ""]
)
def test_an_id_is_fit_for_a_file_name_everywhere(name):
    made = plain_id(name)
    assert plain_id(made) == made
    assert len(made) <= 120
    assert Path(made).name == made
    assert made != plain_id(name + "x")


@pytest.mark.parametrize("name", ["fer0000001", "train_100_0a1b", "train_00001_aligned", "a.b-c"])
def test_a_plain_id_stays_as_it_is(name):
    assert plain_id(name) == name


def test_names_that_one_disk_takes_for_the_same_are_known():
    assert same_name("Fer0") == same_name("fer0")
    assert same_name("e\u0301") == same_name("\u00e9")


def test_a_dataset_one_folder_down_is_found_and_two_are_named(tmp_path):
    def holds(folder):
        return (folder / "labels.txt").is_file()

    touched(tmp_path, "basic/labels.txt", "compound/readme.txt", "__MACOSX/labels.txt")
    assert unpacked(tmp_path / "basic", holds) == tmp_path / "basic"
    assert unpacked(tmp_path, holds) == tmp_path / "basic"
    touched(tmp_path, "copy/labels.txt")
    with pytest.raises(SourceError, match=r"several times: .*basic, .*copy"):
        unpacked(tmp_path, holds)
