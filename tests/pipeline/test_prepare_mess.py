"""A folder full of things that go wrong: every one named with its reason, none of them fatal."""

import json

import pytest
from PIL import Image

from tag_plugin.data import picture as reasons
from tag_plugin.data.folder import ImageFolder
from tag_plugin.data.rows import read_rows
from tag_plugin.pipeline.framing import Frame, Framing
from tag_plugin.pipeline.prepare import PrepareSettings, prepare
from tests.data.test_picture import BAD, NOISE

WHOLE = Framing(frame=Frame.WHOLE)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root" / "train" / "happy"
    folder.mkdir(parents=True)
    for name, (make, _) in BAD.items():
        if name not in {"folder.jpg", "gone.png"}:  # a folder below a class folder is walked
            make(folder / name)
    Image.fromarray(NOISE).save(tmp_path / "outside.png")
    (folder / "outside.png").symlink_to(tmp_path / "outside.png")
    for number in range(3):
        Image.fromarray(NOISE).save(folder / f"good{number}.png")
    return tmp_path / "root"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("workers", [1, 2])
def test_each_is_skipped_by_name_and_reason(root, tmp_path, workers):
    settings = PrepareSettings(tmp_path / "data", workers=workers, framing=WHOLE)
    train = prepare(ImageFolder(root, "mine"), settings).splits["train"]
    assert train["rows"] == 3
    expected = {name: reason for name, (_, reason) in BAD.items()}
    expected["outside.png"] = reasons.OUTSIDE
    lines = (
        (tmp_path / "data" / "mine" / "dropped" / "prepared-train.jsonl").read_text().splitlines()
    )
    dropped = [json.loads(line) for line in lines]
    for name in set(expected) - {"folder.jpg", "gone.png"}:
        stem = name.split(".")[0].split("\n")[0].split("\x1b")[0]
        reasons_found = {each["reason"] for each in dropped if stem in each["id"]}
        assert expected[name] in reasons_found, name
    assert len(dropped) == len(expected) - 2
    rows = list(read_rows(tmp_path / "data" / "mine" / "prepared" / "train.jsonl"))
    assert all("good" in row.id for row in rows)


def test_nothing_of_a_file_outside_is_written(root, tmp_path):
    prepare(ImageFolder(root, "mine"), PrepareSettings(tmp_path / "data", framing=WHOLE))
    written = sorted(path.name for path in (tmp_path / "data").rglob("*.jpg"))
    assert len(written) == 3
    assert not any("outside" in name for name in written)


def test_rows_say_how_their_frame_was_made(root, tmp_path):
    prepare(ImageFolder(root, "mine"), PrepareSettings(tmp_path / "data", framing=WHOLE))
    for row in read_rows(tmp_path / "data" / "mine" / "prepared" / "train.jsonl"):
        assert (row.frame.side, row.frame.how, len(row.frame.phash)) == (64, "whole", 16)
