"""--shard i/n: the same files as one run, whoever finishes last, whatever happened on the way."""

import json
import shutil
import subprocess
import sys

import pytest

from tag_plugin.data.ferplus import FerPlus, VoteRule
from tag_plugin.pipeline.journal import StageError
from tag_plugin.pipeline.merge import merge
from tag_plugin.pipeline.prepare import PrepareSettings, prepare
from tag_plugin.pipeline.shards import Shard
from tests.pipeline.ferplus_tree import write_tree

RUN = """
import sys
from pathlib import Path
from tag_plugin.data.ferplus import FerPlus
from tag_plugin.pipeline.prepare import PrepareSettings, prepare
from tag_plugin.pipeline.shards import Shard
shard = Shard.parse(sys.argv[3])
prepare(FerPlus(Path(sys.argv[1])), PrepareSettings(Path(sys.argv[2]), shard=shard))
"""


@pytest.fixture
def root(tmp_path):
    write_tree(tmp_path / "root", 9)
    (tmp_path / "root" / "FER2013Train" / "fer000004.png").write_bytes(b"")
    return tmp_path / "root"


def run(root, out, shard=None, rule=VoteRule.MAJORITY, **settings):
    part = Shard.parse(shard) if shard else None
    return prepare(FerPlus(root, rule), PrepareSettings(out, shard=part, **settings))


def rows_of(out):
    """Every row file and list of drops, by name; a pid or a time is in none of them."""
    base = out / "ferplus"
    return {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*.jsonl")}


def summary(out):
    content = json.loads((out / "ferplus" / "prepare.json").read_text())
    changing = ("resumed_at", "inputs_per_second", "shards")
    for split in content["splits"].values():
        for name in changing:
            split.pop(name, None)
    return content


@pytest.mark.parametrize("order", ["1234", "4321", "2413"])
def test_four_shards_give_the_files_of_one_run(root, tmp_path, order):
    run(root, tmp_path / "one")
    for done, index in enumerate(order, start=1):
        manifest = run(root, tmp_path / "four", f"{index}/4")
        assert len(manifest.waiting_for) == 4 - done
    assert rows_of(tmp_path / "four") == rows_of(tmp_path / "one")
    assert summary(tmp_path / "four") == summary(tmp_path / "one")
    assert {"prepared/train.jsonl", "dropped/prepared-train.jsonl"} <= set(
        rows_of(tmp_path / "one")
    )


def test_shards_at_the_same_time_give_the_files_of_one_run(root, tmp_path):
    run(root, tmp_path / "one")
    started = [
        subprocess.Popen([sys.executable, "-c", RUN, str(root), str(tmp_path / "two"), shard])
        for shard in ("1/2", "2/2")
    ]
    assert [process.wait() for process in started] == [0, 0]
    assert rows_of(tmp_path / "two") == rows_of(tmp_path / "one")


def test_more_shards_than_inputs_are_fine(root, tmp_path):
    run(root, tmp_path / "one")
    for index in range(1, 14):
        run(root, tmp_path / "many", f"{index}/13")
    assert rows_of(tmp_path / "many") == rows_of(tmp_path / "one")


def test_a_shard_goes_on_where_it_was_cut_off(root, tmp_path):
    run(root, tmp_path / "one")
    run(root, tmp_path / "two", "2/2")
    shards = tmp_path / "two" / "ferplus" / "prepared" / "shards"
    done = (shards / "train-2-of-2.jsonl").read_text().splitlines()
    (shards / "2-of-2.json").unlink()
    (shards / "train-2-of-2.jsonl").unlink()
    (shards / "train-2-of-2.journal").write_text(f"+happiness\t{done[0]}\n+happi")
    assert run(root, tmp_path / "two", "2/2").splits["train"]["resumed_at"] == 1
    run(root, tmp_path / "two", "1/2")
    assert rows_of(tmp_path / "two") == rows_of(tmp_path / "one")


def test_a_finished_dataset_is_left_alone_by_a_shard(root, tmp_path):
    run(root, tmp_path / "one")
    before = rows_of(tmp_path / "one")
    assert not run(root, tmp_path / "one", "2/4").waiting_for
    assert rows_of(tmp_path / "one") == before


def test_a_shard_restarts_alone(root, tmp_path):
    run(root, tmp_path / "a", "11/12")
    run(root, tmp_path / "a", "1/12")
    assert len(run(root, tmp_path / "a", "1/12", restart=True).waiting_for) == 10


def test_shards_with_other_settings_are_not_joined(root, tmp_path):
    run(root, tmp_path / "a", "1/2")
    with pytest.raises(StageError, match=r"shard 2/2 was made with other settings than shard 1/2"):
        run(root, tmp_path / "a", "2/2", VoteRule.ARGMAX)


def test_an_unfinished_run_is_not_taken_over(root, tmp_path):
    run(root, tmp_path / "a")
    path = tmp_path / "a" / "ferplus" / "prepare.json"
    content = json.loads(path.read_text())
    del content["splits"]["test"]
    path.write_text(json.dumps(content))
    with pytest.raises(StageError, match=r"run without --shard that has not ended"):
        run(root, tmp_path / "a", "1/2")


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/4/2"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(StageError, match="--shard"):
        Shard.parse(text)


def test_merge_joins_what_is_finished_and_names_what_is_missing(root, tmp_path):
    run(root, tmp_path / "one")
    run(root, tmp_path / "two", "1/2")
    with pytest.raises(StageError, match=r"prepared: shard 2/2 .* not finished"):
        merge(tmp_path / "two" / "ferplus")
    saved = tmp_path / "saved"
    shutil.copytree(tmp_path / "two" / "ferplus" / "prepared" / "shards", saved)
    run(root, tmp_path / "two", "2/2", restart=True)
    # Both finished without seeing each other, as on a shared folder that lags behind.
    run(root, tmp_path / "three", "2/2")
    shutil.copytree(
        saved, tmp_path / "three" / "ferplus" / "prepared" / "shards", dirs_exist_ok=True
    )
    shutil.copytree(
        tmp_path / "two" / "ferplus" / "images",
        tmp_path / "three" / "ferplus" / "images",
        dirs_exist_ok=True,
    )
    assert merge(tmp_path / "three" / "ferplus") == ["prepared"]
    assert rows_of(tmp_path / "three") == rows_of(tmp_path / "one")


def test_without_shards_merge_says_so(tmp_path):
    with pytest.raises(StageError, match="no shards"):
        merge(tmp_path)
