"""Sets of the `datasets` library: classes by name, whatever their numbers."""

import io

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Pillow

from tag_plugin.data.hub import NO_CLASS, HubDataset, parse_splits
from tag_plugin.data.picture import ImageError
from tag_plugin.data.source import LeftOut, SourceError, SourceFace

ALPHABETICAL = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
OTHER_ORDER = ["surprise", "sad", "neutral", "happy", "fear", "disgust", "angry"]


def png(shade):
    buffer = io.BytesIO()
    Pillow.fromarray(np.full((8, 8), shade, dtype=np.uint8)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def part(names, labels=range(7)):
    features = Features(
        {"image": Image(), "label": ClassLabel(names=names), "who": Value("string")}
    )
    labels = list(labels)
    columns = {
        "image": [png(number) for number in range(len(labels))],
        "label": labels,
        "who": [f"p{number // 2}" for number in range(len(labels))],
    }
    return Dataset.from_dict(columns, features=features)


def saved(path, **parts):
    DatasetDict(parts).save_to_disk(str(path))
    return str(path)


def faces(source, split):
    return [each for each in source.entries(split) if isinstance(each, SourceFace)]


@pytest.mark.parametrize("names", [ALPHABETICAL, OTHER_ORDER])
def test_a_permuted_order_of_classes_gives_the_same_labels(tmp_path, names):
    """The number of a class means nothing: its name does."""
    labels = [names.index(name) for name in ALPHABETICAL]
    source = HubDataset(
        saved(tmp_path / "set", train=part(names, labels)), "mine", splits={"train": "train"}
    )
    assert [face.label for face in faces(source, "train")] == [
        "anger",
        "disgust",
        "fear",
        "happiness",
        "neutral",
        "sadness",
        "surprise",
    ]


def test_splits_are_found_by_name_or_declared(tmp_path):
    name = saved(
        tmp_path / "set",
        train=part(ALPHABETICAL),
        validation=part(ALPHABETICAL, [3]),
        odd=part(ALPHABETICAL, [1, 1]),
    )
    source = HubDataset(name, "mine")
    assert [len(faces(source, split)) for split in ("train", "dev", "test")] == [7, 1, 0]
    declared = HubDataset(name, "mine", splits=parse_splits({"test": "odd"}))
    assert [len(faces(declared, split)) for split in ("train", "dev", "test")] == [0, 0, 2]


def test_one_split_is_held_out_by_person(tmp_path):
    name = saved(tmp_path / "set", train=part(ALPHABETICAL, [0] * 60))
    source = HubDataset(name, "mine", identity_column="who")
    people = [
        {face.identity for face in faces(source, split)} for split in ("train", "dev", "test")
    ]
    assert len(set().union(*people)) == sum(map(len, people)) == 30


def test_pictures_come_decoded_and_broken_ones_are_refused(tmp_path):
    whole = part(ALPHABETICAL)
    records = [dict(each) for each in whole.cast_column("image", Image(decode=False))]
    records[1]["image"] = {"bytes": b"not a picture", "path": None}
    records[2]["image"] = {"bytes": None, "path": "/etc/passwd"}
    records[3]["label"] = -1
    broken = Dataset.from_list(records, features=whole.features)
    source = HubDataset(saved(tmp_path / "set", train=broken), "mine", splits={"train": "train"})
    first, second, third, fourth, *_ = source.entries("train")
    assert first.image().size == (8, 8)
    for entry in (second, third):
        with pytest.raises(ImageError):
            entry.image()
    assert isinstance(fourth, LeftOut)
    assert fourth.reason == NO_CLASS


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"splits": {"dev": "nowhere"}}, "no split 'nowhere'"),
        ({"label_column": "klass"}, "no column 'klass'"),
        ({"label_column": "number"}, "numbers without names"),
        ({"declared": {"happy": "glee"}}, "'happy' is no class of basic7"),
    ],
)
def test_what_does_not_fit_is_explained(tmp_path, settings, message):
    whole = part(ALPHABETICAL).add_column("number", list(range(7)))
    with pytest.raises(SourceError, match=message):
        HubDataset(saved(tmp_path / "set", train=whole), "mine", **settings)


def test_class_names_may_be_text(tmp_path):
    whole = part(ALPHABETICAL).remove_columns("label").add_column("label", ALPHABETICAL)
    name = saved(tmp_path / "set", train=whole)
    with pytest.raises(SourceError, match="--label-column"):
        HubDataset(name, "mine")
    source = HubDataset(name, "mine", label_column="label", splits={"train": "train"})
    assert faces(source, "train")[0].label == "anger"


def test_a_set_that_is_not_there_is_one_message(tmp_path, monkeypatch):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SourceError, match=r"cannot load it .*next: check the name.*gated"):
        HubDataset(str(tmp_path / "nothing"), "mine")


def test_ours_are_three_splits():
    with pytest.raises(SourceError, match="ours are train, dev, test"):
        parse_splits({"validation": "x"})


def pictures(root, *names):
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("L", (8, 8), number).save(root / name)
    return root


@pytest.fixture
def cache(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


WORDS = ("test subject 0.png", "train_1.png", "s2.png", "validation.png")


def test_words_in_file_names_make_no_split(tmp_path, cache):
    names = [f"{folder}/{word}" for folder in ("happy", "sad") for word in WORDS]
    source = HubDataset(str(pictures(tmp_path / "root", *names)), "mine")
    found = [face for split in ("train", "dev", "test") for face in faces(source, split)]
    assert len(found) == len(names)
    assert not [name for name in source.settings if name.startswith("counts of")]


def test_folders_make_splits_whatever_their_case(tmp_path, cache):
    names = [
        f"{split}/{label}/{number}.png"
        for split in ("Train", "VAL")
        for label in ("happy", "sad")
        for number in range(2)
    ]
    source = HubDataset(str(pictures(tmp_path / "root", *names)), "mine")
    assert [len(faces(source, split)) for split in ("train", "dev", "test")] == [4, 4, 0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/happy/a.png", "extra/sad/b.png"], "1 pictures lie in none of them"),
        (["val/happy/a.png", "valid/sad/b.png"], "'val' and 'valid' are both dev; next: keep one"),
    ],
)
def test_pictures_that_would_be_lost_are_told(tmp_path, names, message):
    with pytest.raises(SourceError, match=message):
        HubDataset(str(pictures(tmp_path / "root", *names)), "mine")


def test_packed_pictures_are_one_message(tmp_path):
    import zipfile

    (tmp_path / "root").mkdir()
    with zipfile.ZipFile(tmp_path / "root" / "data.zip", "w") as packed:
        packed.writestr("happy/a.png", b"x")
    with pytest.raises(SourceError, match=r"data\.zip is packed.*next: unpack it"):
        HubDataset(str(tmp_path / "root"), "mine")


def test_a_split_that_is_not_read_is_told_and_two_of_a_kind_are_refused(tmp_path):
    one = part(ALPHABETICAL, [1])
    odd = HubDataset(saved(tmp_path / "odd", train=one, test=one, odd=part(ALPHABETICAL)), "mine")
    assert odd.settings["counts of splits"] == "not read: odd (7)"
    with pytest.raises(SourceError, match=r"'val' and 'valid' are both dev.*--split dev="):
        HubDataset(saved(tmp_path / "two", train=one, val=one, valid=one), "mine")
