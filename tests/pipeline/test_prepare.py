"""prepare: frames, rows and a manifest that accounts for every entry."""

import json
import re

import pytest

from tag_plugin.data.face_frame import read_face
from tag_plugin.data.ferplus import NO_MAJORITY, FerPlus, VoteRule
from tag_plugin.data.picture import UNREADABLE
from tag_plugin.data.rows import read_rows
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.prepare import SAME_NAME, PrepareSettings, prepare
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
    assert first.votes == {"happiness": 9, "unknown": 1}
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


def test_a_stage_that_keeps_nothing_ends_with_the_cause_and_can_be_run_again(root, out):
    """Not one picture is there: no rows, no manifest, no command to go on with."""
    away = {path: path.with_suffix(".txt") for path in root.rglob("*.png")}
    for path, aside in away.items():
        path.rename(aside)
    with pytest.raises(StageError) as ended:
        prepare(FerPlus(root), out)
    assert re.search(
        r"prepare kept none of 15 entries: .*unreadable 12 \(first: fer000000: .*no such file",
        str(ended.value),
    )
    assert not (out.data_dir / "ferplus" / "prepare.json").exists()
    assert not list((out.data_dir / "ferplus" / "prepared").glob("*.jsonl"))
    assert (out.data_dir / "ferplus" / "dropped" / "prepared-train.jsonl").is_file()
    for path, aside in away.items():
        aside.rename(path)
    assert prepare(FerPlus(root), out).splits["train"]["rows"] == 4


def test_pictures_in_another_case_are_found(root, out):
    for path in list(root.rglob("*.png")):
        path.rename(path.with_name(path.name.upper()))
    assert prepare(FerPlus(root), out).splits["train"]["rows"] == 4


def test_two_pictures_with_one_id_are_named_and_a_long_name_is_no_trouble(root, out):
    folder = root / "FER2013Train"
    first = (folder / "fer000000.png").read_bytes()
    names = ["fer000000.bmp", "FER000001.png", f"{'x' * 240}.png", "con.png", "a b..png"]
    with (folder / "label.csv").open("a") as labels:
        for name in names:
            (folder / name).write_bytes(first)
            labels.write(f'{name},"(0, 0, 48, 48)",0,9,0,0,0,0,0,0,1,0\n')
    train = prepare(FerPlus(root), out).splits["train"]
    assert train["dropped"][SAME_NAME]["count"] == 2
    assert len({row.image for row in rows(out, "train")}) == train["rows"] == 7
    for row in rows(out, "train"):
        assert (out.data_dir / "ferplus" / row.image).is_file()
