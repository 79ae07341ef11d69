"""Label files as they come: good rows are read, or one line names file, line and next step."""

import re
from collections import Counter

import numpy as np
import pytest

from tag_plugin.data.affectnet import BAD_BOX, AffectNet
from tag_plugin.data.ferplus import FOLDERS, FerPlus
from tag_plugin.data.rafdb import BAD_ANNOTATION, RafDb, RafDbImages
from tag_plugin.data.source import LeftOut, SourceError, SourceFace
from tag_plugin.data.text_file import TextFileError

VOTES = "0,9,0,0,0,0,0,0,1,0"
FERPLUS = [f'fer{number}.png,"(0, 0, 48, 48)",{VOTES}' for number in range(3)]
RAFDB = [f"test_{number:05d}.jpg {number}" for number in range(1, 4)]
COLUMNS = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
    "valence,arousal"
)
AFFECTNET = [COLUMNS, *(f"{n}/a{n}.jpg,10,20,100,200,1;2,{n},0.1,0.2" for n in range(3))]


def ferplus(root, content):
    for folder in FOLDERS.values():
        (root / folder).mkdir()
        (root / folder / "label.csv").write_bytes(b"")
    (root / "FER2013Test" / "label.csv").write_bytes(content)
    return lambda: [*FerPlus(root).settings, *FerPlus(root).entries("test")]


def rafdb(root, content):
    (root / "EmoLabel").mkdir()
    (root / "EmoLabel" / "list_patition_label.txt").write_bytes(content)
    return lambda: list(RafDb(root).entries("test"))


def affectnet(root, content):
    folder = root / "Manually_Annotated_file_lists"
    folder.mkdir()
    (folder / "training.csv").write_text("\n".join(AFFECTNET) + "\n")
    (folder / "validation.csv").write_bytes(content)
    return lambda: list(AffectNet(root).entries("test"))


DATASETS = {
    "ferplus": (ferplus, FERPLUS, "label.csv"),
    "rafdb": (rafdb, RAFDB, "list_patition_label.txt"),
    "affectnet": (affectnet, AFFECTNET, "validation.csv"),
}


def faces(entries):
    return [entry for entry in entries if isinstance(entry, SourceFace)]


READ = {
    "plain": lambda text: text.encode(),
    "byte order mark": lambda text: text.encode("utf-8-sig"),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "a lone CR": lambda text: text.replace("\n", "\r").encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "blank lines": lambda text: text.replace("\n", "\n\n  \n").encode(),
    "no last line end": lambda text: text.rstrip("\n").encode(),
    "space at the ends": lambda text: text.replace("\n", " \n").encode(),
}


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_form_of_a_good_file_is_read_alike(tmp_path, dataset, form):
    write, lines, _ = DATASETS[dataset]
    entries = write(tmp_path, READ[form]("\n".join(lines) + "\n"))()
    assert len(faces(entries)) == 3


SPOILT = {
    "not UTF-8": lambda line: line.encode() + b"\xff",
    "UTF-16 without its mark": lambda line: line.encode("utf-16-le"),
    "NUL": lambda line: line.encode() + b"\0",
    "two columns fewer": lambda line: re.split(r"[ ,]", line)[0].encode(),
    "two columns more": lambda line: line.encode() + b",1,2",
    "a quote that is not closed": lambda line: b'"' + line.encode(),
    "a field of a megabyte": lambda line: b"x" * 1_000_000 + line.encode(),
    "markup": lambda line: b"<html><body>404</body></html>",
    "a code that is none": lambda line: re.sub(r"(\d)(,[\d.,]+)?$", r"99\2", line).encode(),
    "a negative number": lambda line: re.sub(r"(\d)(,[\d.,]+)?$", r"-1\2", line).encode(),
    "nan": lambda line: re.sub(r"(\d)(,[\d.,]+)?$", r"nan\2", line).encode(),
    "a number of 5,000 digits": lambda line: re.sub(
        r"(\d)(,[\d.,]+)?$", r"" + "9" * 5_000 + r"\2", line
    ).encode(),
    "a path out of the dataset": lambda line: b"../../" + line.encode(),
    "U+2028 in a line": lambda line: line.encode() + "\u2028x".encode(),
}


@pytest.mark.parametrize("damage", SPOILT)
@pytest.mark.parametrize("dataset", DATASETS)
def test_a_spoilt_line_is_one_line_with_file_and_number(tmp_path, dataset, damage):
    """Or the entries around it are read, and it is left out by name."""
    write, lines, file = DATASETS[dataset]
    spoilt = SPOILT[damage](lines[2])
    content = b"\n".join([*(line.encode() for line in lines[:2]), spoilt, lines[-1].encode()])
    read = write(tmp_path, content + b"\n")
    try:
        entries = read()
    except (SourceError, TextFileError) as error:
        assert f"{file}:3: " in str(error)
        assert "\n" not in str(error)
        assert len(str(error)) < 700
    else:
        whole = len(lines) - (dataset == "affectnet")
        assert len(faces(entries)) >= whole - 1
        assert all(face.label for face in faces(entries))


@pytest.mark.parametrize("dataset", DATASETS)
def test_an_empty_file_is_no_traceback(tmp_path, dataset):
    write, _, file = DATASETS[dataset]
    try:
        assert not faces(write(tmp_path, b"")())
    except SourceError as error:
        assert file in str(error)


@pytest.mark.parametrize("form", ["a\tb", "a  b", " a b "])
def test_white_space_in_a_rafdb_list_is_white_space(tmp_path, form):
    lines = [form.replace("a", f"test_{n:05d}.jpg").replace("b", str(n)) for n in (1, 2)]
    assert len(rafdb(tmp_path, "\n".join(lines).encode())()) == 2


def test_affectnet_without_a_header_is_read_in_the_official_order(tmp_path):
    entries = affectnet(tmp_path, "\n".join(AFFECTNET[1:]).encode())()
    assert [face.label for face in faces(entries)] == ["neutral", "happiness", "sadness"]


def test_another_order_of_columns_goes_by_the_header(tmp_path):
    lines = [",".join(reversed(line.split(","))) for line in AFFECTNET]
    entries = affectnet(tmp_path, "\n".join(lines).encode())()
    assert [face.label for face in faces(entries)] == ["neutral", "happiness", "sadness"]


def test_a_headerless_file_of_another_order_is_refused(tmp_path):
    lines = [",".join(reversed(line.split(","))) for line in AFFECTNET[1:]]
    with pytest.raises(SourceError, match=r"validation\.csv:1: the columns .*official order"):
        affectnet(tmp_path, "\n".join(lines).encode())()


@pytest.mark.parametrize(
    "box",
    ["nan,1,2,3", "inf,1,2,3", "1e300,1,2,3", "1,2,x,4", "1,2,1e6,1e6", "NULL,1,2,3", ",,1,2"],
)
def test_a_face_box_that_is_none_drops_its_face_by_name(tmp_path, box):
    lines = [*AFFECTNET, f"9/a9.jpg,{box},1;2,3,0.1,0.2"]
    *good, dropped = affectnet(tmp_path, "\n".join(lines).encode())()
    assert len(faces(good)) == 3
    assert isinstance(dropped, LeftOut)
    assert (dropped.id, dropped.reason) == ("val_9_a9", BAD_BOX)
    assert "validation.csv:5: face box" in dropped.detail


def test_backslashes_and_another_folder_of_pictures_are_read(tmp_path):
    images = tmp_path / "Manually_Annotated" / "Manually_Annotated_Images"
    images.mkdir(parents=True)
    text = "\n".join(AFFECTNET).replace("/", "\\")
    first, *_ = affectnet(tmp_path, text.encode())()
    assert first.image == images / "0" / "a0.jpg"


HOSTILE_NPY = {
    "empty": b"",
    "a header alone": b"\x93NUMPY\x01\x00",
    "10^12 items": b"\x93NUMPY\x01\x00\x46\x00"
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}  \n",
    "an item of 10^12 letters": b"\x93NUMPY\x01\x00\x46\x00"
    b"{'descr': '<U1000000000000', 'fortran_order': False, 'shape': ()}   \n",
    "nested": b"\x93NUMPY\x01\x00\xff\x1f" + b"(" * 8_191,
    "large": b"\x93NUMPY" + bytes(100_000),
    "text": b"3",
}


@pytest.mark.parametrize("kind", HOSTILE_NPY)
def test_a_hostile_npy_file_is_named_and_takes_no_memory(tmp_path, kind):
    for part in ("train_set", "val_set"):
        (tmp_path / part / "annotations").mkdir(parents=True)
        np.save(tmp_path / part / "annotations" / "1_exp.npy", np.array(1))
    (tmp_path / "val_set" / "annotations" / "2_exp.npy").write_bytes(HOSTILE_NPY[kind])
    with pytest.raises(
        SourceError, match=r"2_exp\.npy is not a plain \.npy file .*; next: "
    ) as refused:
        AffectNet(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("landmark", ["nan 1", "inf 1", "1e300 1", "-inf nan", "1e6 1"])
def test_a_landmark_that_lies_in_no_picture_leaves_its_face_out(tmp_path, landmark):
    rafdb(tmp_path, "\n".join(RAFDB).encode())
    folder = tmp_path / "Annotation" / "manual"
    folder.mkdir(parents=True)
    lines = [landmark, "140 200", "120 220", "105 250", "135 250", "0", "0", "0"]
    (folder / "test_00001_manu_attri.txt").write_text("\n".join(lines))
    first, *others = RafDb(tmp_path, RafDbImages.ORIGINAL).entries("test")
    assert (first.id, first.reason) == ("test_00001", BAD_ANNOTATION)
    assert len(faces(others)) == 2


def test_a_copy_of_rafdb_with_a_dev_folder_is_read_as_it_is_split(tmp_path):
    for part in ("train", "valid", "test"):
        for code in range(1, 8):
            (tmp_path / part / str(code)).mkdir(parents=True)
            (tmp_path / part / str(code) / f"{part}_{code}_aligned.jpg").touch()
            (tmp_path / part / str(code) / "Thumbs.db").touch()
    source = RafDb(tmp_path)
    counts = Counter(
        split for split in ("train", "dev", "test") for _ in faces(source.entries(split))
    )
    assert counts == {"train": 7, "dev": 7, "test": 7}
