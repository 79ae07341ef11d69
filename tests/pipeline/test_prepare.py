"""prepare: frames, rows and a manifest that accounts for every entry."""

import json

import pytest

from tag_plugin.data.face_frame import read_face
from tag_plugin.data.ferplus import NO_MAJORITY, FerPlus, VoteRule
from tag_plugin.data.picture import UNREADABLE
from tag_plugin.data.rows import read_rows
from tag_plugin.pipeline.journal import StageError
from tag_plugin.pipeline.prepare import PrepareSettings, prepare
from tests.pipeline.ferplus_tree import write_tree


@pytest.fixture
def root(tmp_path):
    write_tree(tmp_path / "ferplus")
    return tmp_path / "ferplus"


@pytest.fixture
def out(tmp_path):
    return PrepareSettings(tmp_path / "data")


def rows(out, split):
    return list(read_rows(out.data_dir / "ferplus" / "prepared" / f"{split}.jsonl"))


def test_every_entry_is_a_row_or_a_counted_drop(root, out):
    manifest = prepare(FerPlus(root), out)
    on_disk = json.loads((out.data_dir / "ferplus" / "prepare.json").read_text())
    assert on_disk["settings"]["rule"] == "majority"
    for split in ("train", "dev", "test"):
        summary = on_disk["splits"][split]
        assert summary == manifest.splits[split]
        assert (summary["inputs"], summary["rows"]) == (5, 4)
        assert summary["counts"] == {"happiness": 4}
        assert summary["dropped"][NO_MAJORITY]["count"] == 1
        assert len(rows(out, split)) == 4


def test_rows_point_at_face_frames(root, out):
    prepare(FerPlus(root), out)
    first = rows(out, "dev")[0]
    assert (first.id, first.split, first.label) == ("fer100000", "dev", "happiness")
    assert first.image == "images/dev/fer100000.jpg"
    assert read_face(out.data_dir / "ferplus" / first.image).shape == (448, 448, 3)


def test_one_bad_image_is_skipped_counted_and_named(root, out):
    (root / "FER2013Train" / "fer000001.png").write_bytes(b"not a png")
    (root / "FER2013Train" / "fer000002.png").unlink()
    dropped = prepare(FerPlus(root), out).splits["train"]["dropped"][UNREADABLE]
    assert dropped["count"] == 2
    assert dropped["ids"][0].startswith("fer000001: ")
    assert dropped["ids"][1].endswith("fer000002.png: no such file")
    assert [row.id for row in rows(out, "train")] == ["fer000000", "fer000003"]


def test_a_limit_is_entries_a_split(root, tmp_path):
    manifest = prepare(FerPlus(root), PrepareSettings(tmp_path / "data", limit=2))
    assert {split: part["rows"] for split, part in manifest.splits.items()} == {
        "train": 2,
        "dev": 2,
        "test": 2,
    }


def test_a_second_run_does_nothing(root, out):
    prepare(FerPlus(root), out)
    image = out.data_dir / "ferplus" / "images" / "train" / "fer000000.jpg"
    image.unlink()
    prepare(FerPlus(root), out)
    assert not image.exists()


def test_another_rule_needs_a_restart(root, out, tmp_path):
    prepare(FerPlus(root), out)
    with pytest.raises(StageError, match=r"rule: majority -> argmax.*--restart"):
        prepare(FerPlus(root, VoteRule.ARGMAX), out)
    assert len(rows(out, "train")) == 4
    prepare(FerPlus(root, VoteRule.ARGMAX), PrepareSettings(tmp_path / "data", restart=True))
    assert [row.label for row in rows(out, "train")] == ["happiness"] * 4 + ["neutral"]


def test_two_processes_prepare_the_same_rows(tmp_path):
    write_tree(tmp_path / "root", 20, ["train"])
    written = []
    for workers in (1, 2):
        data_dir = tmp_path / str(workers)
        prepare(FerPlus(tmp_path / "root"), PrepareSettings(data_dir, workers=workers))
        written.append((data_dir / "ferplus" / "prepared" / "train.jsonl").read_bytes())
    assert written[0] == written[1]
    assert written[0].count(b"\n") == 20
