"""build: only rows whose own trace gets full marks, and the entries to train on them."""

import json

import pytest

from tag_plugin.data.rows import NO_FACE, read_rows
from tag_plugin.facs.boxes import GRIDS, BoxFrame
from tag_plugin.facs.detections import Thresholds
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.detect import DetectSettings, detect
from tag_plugin.pipeline.gold import NOT_GOLD, why_not_gold
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.scoring.score import JudgeConfig, score_completion
from tag_plugin.trace.length import about_tokens
from tag_plugin.trace.render import render
from tests.pipeline.detected_rows import EVERY, write_prepared


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "data" / "ferplus"
    detect(DetectSettings(path, "cached", {"rows": write_prepared(path, 50)}))
    return path


def built(directory, split="train"):
    return list(read_rows(directory / "built" / f"{split}.jsonl"))


def test_every_built_row_scores_one_in_both_frames(directory):
    build(BuildSettings(directory, support=EVERY))
    rows = built(directory) + built(directory, "dev")
    assert len(rows) == 80
    for row in rows:
        for frame in GRIDS:
            scored = score_completion(render(row.trace, frame), row.reference, frame)
            assert (scored.format, scored.answer, scored.grounding) == (1.0, 1.0, 1.0)


def test_drops_are_counted_by_reason_and_rows_by_label(directory):
    train = build(BuildSettings(directory, support=EVERY)).manifest.splits["train"]
    assert (train["inputs"], train["rows"]) == (50, 40)
    assert train["dropped"][NO_FACE]["count"] == 10
    assert sum(train["counts"].values()) == 40
    assert set(train["counts"]) >= {"neutral", "happiness"}


def test_the_test_split_gets_no_traces(directory):
    build(BuildSettings(directory, support=EVERY))
    assert sorted(path.name for path in (directory / "built").iterdir()) == [
        "dev.jsonl",
        "train.jsonl",
    ]


def test_the_entries_and_the_recipe_line_are_written(directory):
    recipe = build(BuildSettings(directory, support=EVERY)).recipe
    assert recipe == f"dataset: tag_ferplus_train\ndataset_dir: {directory.parent}"
    content = json.loads((directory.parent / "dataset_info.json").read_text())
    assert content["tag_ferplus_train"]["file_name"] == "ferplus/built/train.jsonl"
    assert content["tag_ferplus_dev_label_only"]["formatting"] == "tag_label_only"


def test_the_longest_trace_is_measured(directory):
    done = build(BuildSettings(directory, support=EVERY))
    lengths = [about_tokens(render(row.trace, BoxFrame.RELATIVE)) for row in built(directory)]
    assert done.longest_trace == max(lengths)
    assert min(lengths) > 20


def test_the_wording_varies_and_is_repeatable(directory):
    build(BuildSettings(directory, support=EVERY))
    first = (directory / "built" / "train.jsonl").read_text()
    build(BuildSettings(directory, restart=True, support=EVERY))
    assert (directory / "built" / "train.jsonl").read_text() == first
    build(BuildSettings(directory, seed=1, restart=True, support=EVERY))
    assert (directory / "built" / "train.jsonl").read_text() != first
    assert len({row.trace.global_analysis for row in built(directory)}) > 3


def test_a_faulty_trace_is_dropped_with_the_fault(directory, monkeypatch):
    def forgetful(label, detections, seed, config: JudgeConfig):
        trace = write_trace(label, detections, seed, config)
        return trace.model_copy(update={"inspections": trace.inspections[:-1]})

    monkeypatch.setattr("tag_plugin.pipeline.gold.write_trace", forgetful)
    train = build(BuildSettings(directory, support=EVERY)).manifest.splits["train"]
    faults = train["dropped"][NOT_GOLD]
    assert faults["count"] + train["rows"] + train["dropped"][NO_FACE]["count"] == 50
    assert faults["count"] > 20
    assert "grounding 0." in faults["ids"][0]
    assert "in the relative frame" in faults["ids"][0]


def test_an_unknown_writer_and_missing_detections_are_named(tmp_path, directory):
    with pytest.raises(ValueError, match="unknown writer 'poet'; known: rules"):
        build(BuildSettings(directory, "poet"))
    with pytest.raises(StageError, match=r"no detected rows .*tag-plugin detect .*/none"):
        build(BuildSettings(tmp_path / "none"))


def test_cautious_traces_name_only_what_the_detector_is_sure_of(directory):
    sure = JudgeConfig(thresholds=Thresholds(on=0.8))
    build(BuildSettings(directory, judge=sure, support=EVERY))
    rows = built(directory)
    assert len(rows) == 40
    for row in rows:
        named = {step.au for step in row.trace.inspections}
        assert named == {found.au for found in row.detections.on(sure.thresholds, sure.top_k)}
        assert why_not_gold(row, sure) is None
    stored = json.loads((directory / "build.json").read_text())["settings"]["judge"]
    assert JudgeConfig.model_validate(stored) == sure  # what `data validate` judges them by
