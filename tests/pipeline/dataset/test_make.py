"""data make: parts that share nobody, their balance, and a card that says it."""

import json

import pytest

from tag_plugin.data.rows import FrameInfo, read_rows, write_rows
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.dataset.make import (
    ALSO_HELD,
    OVER_LIMIT,
    MakeSettings,
    class_weights,
    make,
)
from tag_plugin.pipeline.detect import DetectSettings, detect
from tag_plugin.pipeline.outcomes import StageError
from tests.pipeline.detected_rows import EVERY, write_prepared

COUNT = 200


def changed(path, change):
    rows = [row.model_copy(update=change(number)) for number, row in enumerate(read_rows(path))]
    write_rows(path, rows)


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "data" / "ferplus"
    detect(DetectSettings(path, "cached", {"rows": write_prepared(path, COUNT)}))
    return path


def part(directory, name):
    return list(read_rows(directory / "dataset" / f"{name}.jsonl"))


def with_people(directory, per_person=4):
    for offset, split in enumerate(("train", "dev", "test")):
        changed(
            directory / "detected" / f"{split}.jsonl",
            lambda number, offset=offset: {"identity": f"p{offset}-{number // per_person}"},
        )
    build(BuildSettings(directory, support=EVERY))


def test_sft_and_rl_share_no_person(directory):
    with_people(directory)
    make(MakeSettings(directory, rl_percent=40))
    sft, rl = ({row.identity for row in part(directory, name)} for name in ("sft", "rl"))
    assert not sft & rl
    assert len(sft) + len(rl) == COUNT // 4
    assert len(rl) == pytest.approx(20, abs=12)


def test_without_people_no_picture_is_in_both(directory):
    def picture(number):
        return {"frame": FrameInfo(side=48, how="whole", phash=f"{number // 3 + 1:016x}")}

    changed(directory / "detected" / "train.jsonl", picture)
    build(BuildSettings(directory, support=EVERY))
    make(MakeSettings(directory, rl_percent=50))
    sft, rl = ({row.frame.phash for row in part(directory, name)} for name in ("sft", "rl"))
    assert sft
    assert rl
    assert not sft & rl


def test_who_is_in_test_or_dev_leaves_the_parts_before(directory):
    with_people(directory)
    changed(directory / "built" / "dev.jsonl", lambda n: {"identity": "p0-1"} if n == 0 else {})
    changed(
        directory / "detected" / "test.jsonl", lambda n: {"identity": "p0-2" if n % 2 else "p1-3"}
    )
    left_out = make(MakeSettings(directory)).left_out
    people = {row.identity for name in ("sft", "rl") for row in part(directory, name)}
    assert not people & {"p0-1", "p0-2"}
    assert "p1-3" not in {row.identity for row in part(directory, "dev")}
    assert left_out[ALSO_HELD] > 6


def test_every_row_is_in_one_part_unchanged_and_again_the_same(directory):
    build(BuildSettings(directory, support=EVERY))
    make(MakeSettings(directory))
    built = (directory / "built" / "train.jsonl").read_text().splitlines()
    first = {name: (directory / "dataset" / f"{name}.jsonl").read_text() for name in ("sft", "rl")}
    assert sorted(first["sft"].splitlines() + first["rl"].splitlines()) == sorted(built)
    make(MakeSettings(directory))
    assert (directory / "dataset" / "sft.jsonl").read_text() == first["sft"]


def test_a_class_can_be_limited_and_has_a_weight(directory):
    build(BuildSettings(directory, support=EVERY))
    made = make(MakeSettings(directory, per_class=5))
    assert set(made.counts["sft"].values()) == {5}
    assert made.left_out[OVER_LIMIT] > 0
    assert sum(made.counts["dev"].values()) == COUNT * 4 // 5
    content = json.loads((directory / "dataset.json").read_text())
    assert set(content["class_weights"]["sft"].values()) == {1.0}


def test_a_large_part_is_a_folder_of_files_with_the_same_rows(directory):
    build(BuildSettings(directory, support=EVERY))
    make(MakeSettings(directory))
    whole = [row.id for row in part(directory, "sft")]
    make(MakeSettings(directory, rows_per_file=50))
    names = sorted(path.name for path in (directory / "dataset" / "sft").iterdir())
    assert names[0] == "00001-of-00003.jsonl"
    assert not (directory / "dataset" / "sft.jsonl").exists()
    assert [row.id for row in read_rows(directory / "dataset" / "sft")] == whole
    entry = json.loads((directory.parent / "dataset_info.json").read_text())["tag_ferplus_sft"]
    assert entry["file_name"] == "ferplus/dataset/sft"
    make(MakeSettings(directory))
    assert [row.id for row in part(directory, "sft")] == whole
    assert sorted(path.name for path in (directory / "dataset").iterdir()) == [
        "README.md",
        "dev.jsonl",
        "rl.jsonl",
        "sft.jsonl",
    ]


def test_weights_draw_every_class_equally_often():
    counts = {"happiness": 900, "fear": 90, "disgust": 10}
    weights = class_weights(counts)
    drawn = {label: counts[label] * weight for label, weight in weights.items()}
    assert max(drawn.values()) == pytest.approx(min(drawn.values()), rel=0.01)
    assert sum(drawn.values()) == pytest.approx(1000, rel=0.01)


def test_the_entries_and_the_recipe_name_the_parts(directory):
    build(BuildSettings(directory, support=EVERY))
    recipe = make(MakeSettings(directory)).recipe
    assert recipe == f"dataset: tag_ferplus_sft\ndataset_dir: {directory.parent}"
    content = json.loads((directory.parent / "dataset_info.json").read_text())
    for name in ("sft", "rl", "dev"):
        assert (directory.parent / content[f"tag_ferplus_{name}"]["file_name"]).is_file()


def test_the_card_accounts_for_every_row(directory):
    build(BuildSettings(directory, support=EVERY))
    made = make(MakeSettings(directory))
    card = (directory / "dataset" / "README.md").read_text()
    totals = " | ".join(str(sum(counts.values())) for counts in made.counts.values())
    assert f"| all | {totals} | |" in card
    assert f"| train | {COUNT} | {COUNT * 4 // 5} | {COUNT // 5} no face |" in card
    for words in ("hand 1, model sha256 -", "AU1, AU4", "`rules`, seed 0", "FER2013", "EU AI Act"):
        assert words in card


def test_statistics_of_the_writer_reach_the_card(directory):
    build(BuildSettings(directory, support=EVERY))
    path = directory / "build.json"
    content = json.loads(path.read_text())
    statistics = {
        "by_class": {"fear": {"asked": 19, "kept": 17, "kept_at_once": 12}},
        "kept_after_attempts": {"1": 12, "2": 5},
        "attempts": {"kept": 17},
        "eliminated": {},
        "failed_requests": {},
        "replies": 1234,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cost": 0.0,
    }
    content["splits"]["train"]["writer_statistics"] = statistics
    path.write_text(json.dumps(content))
    make(MakeSettings(directory))
    card = (directory / "dataset" / "README.md").read_text()
    assert "### What the writer did: train" in card
    assert "* replies: 1234" in card
    assert "    * kept_at_once: 12" in card


def test_without_built_rows_the_next_command_is_named(tmp_path):
    with pytest.raises(StageError, match=r"no built rows .*tag-plugin build"):
        make(MakeSettings(tmp_path))
