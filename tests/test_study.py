"""The study: what its arms learn from, and what its contrasts say."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.study.arm_rows import (
    LABEL_ONLY,
    RL,
    RL_PLACEBO,
    RL_TRACED,
    SFT,
    SFT_NO_BOXES,
    SFT_PLACEBO,
    SFT_UNGATED,
    write_arms,
)
from benchmarks.study.contrasts import CONTRASTS, contrasts, draw
from tag_plugin.data.rows import read_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.prototypes import supports
from tag_plugin.trace.parse import parse
from tests.detectors.yolo.synthetic_rows import write_dataset
from tests.scoring.samples import LABELS, contributions, sample

FACES, SEEDS = 400, (0, 1, 2)


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    """The rows of each arm, made from drawn faces."""
    source = tmp_path_factory.mktemp("source") / "synth"
    write_dataset(source, {"train": 200})
    data = tmp_path_factory.mktemp("study") / "data"
    assert write_arms(source, data, sft_faces=100, rl_faces=20) == "synth"
    entries = json.loads((data / "dataset_info.json").read_text())
    arms = {name: data / entry["file_name"] for name, entry in entries.items()}
    talks = json.loads(arms.pop(SFT_NO_BOXES).read_text())
    return {name: list(read_rows(file)) for name, file in arms.items()} | {SFT_NO_BOXES: talks}


def test_arms_of_a_stage_see_the_same_faces_and_sft_and_rl_share_none(arms):
    faces = {name: {r.id for r in rows} for name, rows in arms.items() if name != SFT_NO_BOXES}
    assert faces[SFT] == faces[SFT + LABEL_ONLY] == faces[SFT_PLACEBO]
    assert faces[RL] == faces[RL_PLACEBO] == faces[RL_TRACED]
    assert not faces[SFT] & faces[RL]
    assert 95 <= len(faces[SFT]) <= 100  # a face alone in its label is left out
    assert 12 <= len(faces[RL]) <= 20


def test_what_sft_reads_is_supported_and_has_a_trace(arms):
    for row in arms[SFT]:
        assert supports(row.detections.on(row.detector.thresholds), row.label, LABELS.labels)
        assert row.trace.answer == row.label


def test_traces_without_boxes_name_the_same_aus(arms):
    for row, talk in zip(arms[SFT], arms[SFT_NO_BOXES], strict=True):
        question, answer = (turn["value"] for turn in talk["conversations"])
        assert question.startswith("<image>") and Path(talk["images"][0]).is_file()
        assert parse(answer, BoxFrame.ABSOLUTE, LABELS).answer == row.label
        assert "bbox" not in answer
        assert all(f"AU{step.au} (" in answer for step in row.trace.inspections)


def test_ungated_traces_are_of_all_faces(arms):
    ungated = {row.id for row in arms[SFT_UNGATED]}
    gated = {row.id for row in arms[SFT]}
    assert len(ungated) == 100 and ungated - gated and not ungated & {r.id for r in arms[RL]}


@pytest.mark.parametrize(("arm", "placebo"), [(SFT, SFT_PLACEBO), (RL, RL_PLACEBO)])
def test_a_placebo_has_the_aus_of_another_face_of_its_label(arms, arm, placebo):
    own = {row.id: row for row in arms[arm]}
    seen = {(row.label, row.detections) for row in arms[arm]}
    for row in arms[placebo]:
        assert (row.image, row.label) == (own[row.id].image, own[row.id].label)
        assert row.detections != own[row.id].detections
        assert (row.label, row.detections) in seen


def answers(right, seed):
    """Contributions of FACES answers of which a share is right."""
    draw = np.random.default_rng(seed)
    rows = [
        sample(f"{n}", gold, gold if draw.random() < right else "fear")
        for n, gold in enumerate(["happiness", "sadness"] * (FACES // 2))
    ]
    return contributions(rows, LABELS)


@pytest.mark.parametrize(("treated", "significant"), [(0.8, True), (0.61, False)])
def test_a_contrast_finds_what_is_there_and_not_what_is_noise(treated, significant):
    tables = {("A0", seed): answers(0.6, seed) for seed in SEEDS}
    tables |= {("A1", seed): answers(treated, 10 + seed) for seed in SEEDS}
    accuracy, uar = contrasts(tables, LABELS, SEEDS)
    assert [accuracy["metric"], uar["metric"]] == ["accuracy", "uar"]
    assert accuracy["difference"] == pytest.approx(np.mean(accuracy["by_seed"]), abs=1e-3)
    assert accuracy["interval"][0] <= accuracy["difference"] <= accuracy["interval"][1]
    assert (accuracy["p_holm"] < 0.05) == significant
    assert accuracy["p_holm"] >= accuracy["p"] - 1e-4


def test_the_figure_has_a_line_a_test(tmp_path):
    tables = {(arm, seed): answers(0.6, seed) for arm in ("A0", "A1") for seed in SEEDS}
    draw(contrasts(tables, LABELS, SEEDS), tmp_path / "study.png")
    assert Image.open(tmp_path / "study.png").size > (800, 200)


def test_a_contrast_without_one_of_its_arms_is_left_out():
    assert contrasts({("A1", seed): answers(0.6, seed) for seed in SEEDS}, LABELS, SEEDS) == []
    assert len({contrast[:2] for contrast in CONTRASTS}) == 4
