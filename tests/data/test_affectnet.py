"""AffectNet: both official layouts, 7 and 8 classes, and copies that must be refused."""

from collections import Counter

import numpy as np
import pytest

from tag_plugin.data import affectnet
from tag_plugin.data.affectnet import NO_EMOTION, OTHER_CLASS, REPEATED, AffectNet
from tag_plugin.data.source import LeftOut, SourceError

EIGHT = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
    "valence,arousal"
)


def csv_tree(root, lines, header=HEADER):
    folder = root / "Manually_Annotated_file_lists"
    folder.mkdir()
    for name in ("training.csv", "validation.csv"):
        (folder / name).write_text("\n".join([header, *lines]) + "\n")
    return root


def csv_line(number, code, box="10,20,100,200"):
    return f"{number}/a{number}.jpg,{box},1;2,{code},0.1,0.2"


def npy_tree(root, codes, dtype="<U2"):
    for part in ("train_set", "val_set"):
        (root / part / "annotations").mkdir(parents=True)
        for number, code in enumerate(codes):
            np.save(root / part / "annotations" / f"{number}_exp.npy", np.array(code, dtype=dtype))
    return root


@pytest.fixture(params=["csv", "npy"])
def eleven_codes(request, tmp_path):
    """A tree in each layout with one face of every code 0..10."""
    if request.param == "csv":
        return csv_tree(tmp_path, [csv_line(code, code) for code in range(11)])
    return npy_tree(tmp_path, range(11))


def labels(entries):
    return {entry.label for entry in entries if not isinstance(entry, LeftOut)}


@pytest.mark.parametrize(("classes", "expected"), [(7, EIGHT[:7]), (8, EIGHT)])
def test_numbers_become_names(eleven_codes, classes, expected):
    found = list(AffectNet(eleven_codes, classes).entries("test"))
    assert labels(found) == set(expected)
    reasons = [entry.reason for entry in found if isinstance(entry, LeftOut)]
    assert reasons.count(NO_EMOTION) == 3
    assert reasons.count(OTHER_CLASS) == 8 - classes


def test_the_order_of_codes_is_the_published_one(tmp_path):
    source = AffectNet(csv_tree(tmp_path, [csv_line(code, code) for code in range(8)]), 8)
    assert [face.label for face in source.entries("test")] == EIGHT


def test_ids_do_not_clash_between_the_two_sets(eleven_codes):
    source = AffectNet(eleven_codes, 8)
    ids = [entry.id for split in ("train", "dev", "test") for entry in source.entries(split)]
    assert len(set(ids)) == len(ids) == 22


@pytest.mark.parametrize(
    ("box", "crop"),
    [("10,20,100,200", (-10, 0, 130, 240)), ("NULL,NULL,NULL,NULL", None), ("1,1,0,0", None)],
)
def test_the_annotated_box_is_cropped_with_a_margin(tmp_path, box, crop):
    source = AffectNet(csv_tree(tmp_path, [csv_line(1, 1, box)]))
    assert next(iter(source.entries("test"))).crop == crop


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (csv_line(1, 11), "training.csv:2: expression '11'"),
        (csv_line(1, "happy"), "not a class code"),
        ("../../etc/passwd,1,1,1,1,x,1,0,0", "not a path inside"),
        ("/etc/passwd,1,1,1,1,x,1,0,0", "not a path inside"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    with pytest.raises(SourceError, match=message):
        AffectNet(csv_tree(tmp_path, [line]))


def test_missing_columns_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"training.csv:1: .*'expression'"):
        AffectNet(csv_tree(tmp_path, [], header=HEADER.replace("expression", "emotion")))


def test_a_pickled_annotation_is_never_opened(tmp_path):
    tree = npy_tree(tmp_path, [1])
    np.save(tree / "train_set" / "annotations" / "0_exp.npy", np.array({"a": 1}, dtype=object))
    with pytest.raises(SourceError, match=r"0_exp\.npy is not a plain \.npy file"):
        AffectNet(tree)


SMALL = dict(zip(EIGHT, (5, 9, 4, 3, 2, 7, 6, 1), strict=True))
"""Training faces of each class, all different, in place of the published hundreds of thousands."""


def release(root, layout, order):
    """A tree in which class k is called `order[k]`, with as many faces of each as SMALL says."""
    codes = [order.index(label) for label in EIGHT for _ in range(SMALL[label])]
    if layout == "csv":
        return csv_tree(root, [csv_line(f"{n}", code) for n, code in enumerate(codes)])
    return npy_tree(root, codes)


@pytest.mark.parametrize("layout", ["csv", "npy"])
def test_published_counts_are_recognised(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(affectnet, "TRAINING_COUNTS", SMALL)
    source = AffectNet(release(tmp_path, layout, EIGHT), 8)
    assert source.settings["counts of training"] == "as published"
    found = Counter(entry.label for entry in source.entries("test"))
    assert found == SMALL
    both = [*source.entries("train"), *source.entries("dev")]
    assert len({entry.id for entry in both}) == sum(SMALL.values())


@pytest.mark.parametrize("layout", ["csv", "npy"])
def test_a_tree_with_permuted_codes_is_refused(tmp_path, monkeypatch, layout):
    """The class folders of a copy sorted by name, as many mirrors number them."""
    monkeypatch.setattr(affectnet, "TRAINING_COUNTS", SMALL)
    with pytest.raises(SourceError, match="class codes of this copy are permuted"):
        AffectNet(release(tmp_path, layout, sorted(EIGHT)))


def test_a_repeated_image_is_left_out_wherever_it_comes_again(tmp_path):
    lines = [csv_line(number, 1) for number in (1, 2, 3, 2, 4, 1, 1)]
    found = list(AffectNet(csv_tree(tmp_path, lines)).entries("test"))
    assert [isinstance(entry, LeftOut) for entry in found] == [False] * 3 + [
        True,
        False,
        True,
        True,
    ]
    assert {entry.reason for entry in found if isinstance(entry, LeftOut)} == {REPEATED}


def test_a_repeated_image_stays_out_of_the_other_split_too(tmp_path):
    lines = [csv_line(number % 50, 1) for number in range(100)]
    source = AffectNet(csv_tree(tmp_path, lines))
    both = [*source.entries("train"), *source.entries("dev")]
    assert sum(isinstance(entry, LeftOut) for entry in both) == 50
    assert len({entry.id for entry in both}) == 50


@pytest.mark.parametrize(("classes", "message"), [(6, "7 or 8 classes"), (7, "on request")])
def test_what_cannot_be_read_is_refused_at_once(tmp_path, classes, message):
    with pytest.raises(SourceError, match=message):
        AffectNet(tmp_path, classes)
