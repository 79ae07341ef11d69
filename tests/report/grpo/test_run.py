"""What is read from a run's directory."""

import pytest

from tag_plugin.report.grpo.logs import RunError, read_run
from tag_plugin.report.grpo.rollouts import drift, gallery
from tag_plugin.report.grpo.verdict import verdict
from tests.report.scripted import write_lines


def run_of(tmp_path, log, rollouts=()):
    write_lines(tmp_path / "grpo_log.jsonl", log)
    write_lines(tmp_path / "rollouts.jsonl", rollouts)
    return read_run(tmp_path)


def rollout(step, aus, **changes):
    made = {
        "step": step,
        "prompt_id": "a",
        "dataset": "synth",
        "images": ["a.jpg"],
        "solution": "anger",
        "text": "",
        "rewards": {"answer": 1.0, "au_grounding": None},
        "advantage": 0.0,
        "answer": "anger",
        "defects": [],
        "boxes": [{"au": au, "box": [100, 100, 200, 200]} for au in aus],
    }
    return made | changes


def detections(*aus):
    found = [{"au": au, "probability": 0.9, "box": [100, 100, 200, 200]} for au in aus]
    return {"detections": found, "supported": sorted(aus)}


def test_half_a_last_line_is_left_out(tmp_path):
    path = write_lines(tmp_path / "grpo_log.jsonl", [{"step": 1, "reward": 0.5}])
    path.write_text(path.read_text() + '{"step": 2, "rew')
    assert [entry["step"] for entry in read_run(tmp_path).log] == [1]


@pytest.mark.parametrize("lines", [[], [{"train_runtime": 3.0}]])
def test_a_log_without_a_step_is_refused(tmp_path, lines):
    write_lines(tmp_path / "grpo_log.jsonl", lines)
    with pytest.raises(RunError, match="recipes/tag_grpo"):
        read_run(tmp_path)


def test_a_value_that_is_not_a_number_leaves_a_gap(tmp_path):
    log = [{"step": 1, "kl": float("nan")}, {"step": 2, "kl": 0.5}, {"step": 3}]
    curve = run_of(tmp_path, log).curve("kl")
    assert (list(curve.x), list(curve.y)) == ([2.0], [0.5])


SILENT = {"signal/no_spread": 1.0, "signal/all_right": 1.0}
LIVELY = {"signal/no_spread": 0.1, "signal/all_wrong": 0.1}


@pytest.mark.parametrize(
    ("steps", "level", "silent", "longest", "word"),
    [
        ([LIVELY] * 4, "good", 0, 0, "wrong"),
        ([LIVELY, SILENT, SILENT, LIVELY], "watch", 2, 2, "already right"),
        ([SILENT, LIVELY, SILENT], "bad", 2, 1, "already right"),
    ],
)
def test_the_alarm_in_words(tmp_path, steps, level, silent, longest, word):
    log = [{"step": number, **step} for number, step in enumerate(steps)]
    found = verdict(run_of(tmp_path, log))
    assert (found.level, found.silent_steps, found.longest) == (level, silent, longest)
    assert word in found.detail


def test_a_run_without_signal_gets_no_verdict(tmp_path):
    assert verdict(run_of(tmp_path, [{"step": 1, "reward": 1.0}])) is None


def test_drift_counts_an_au_once_a_completion(tmp_path):
    known = [
        rollout(1, [4, 4], reference=detections(4)),
        rollout(1, [12], reference=detections(4)),
        rollout(2, [12], reference=detections(12)),
        rollout(2, [12], reference=None),
    ]
    found = drift(known)
    assert found.ranges == ["1", "2"]
    rows = {au: (shares, expected) for au, _, shares, expected in found.rows}
    assert rows == {4: ([0.5, 0.0], pytest.approx(2 / 3)), 12: ([0.5, 1.0], pytest.approx(1 / 3))}


def test_no_drift_of_runs_that_know_no_aus():
    plain = rollout(1, [])
    for key in ("answer", "defects", "boxes"):
        del plain[key]
    assert drift([plain]) is None
    (answer,) = gallery([plain], "run").runs["run"]
    assert answer.prediction == ""
    assert "unparsable" not in answer.groups


def test_claims_are_paired_with_what_was_to_be_found():
    (answer,) = gallery([rollout(1, [4, 12], reference=detections(4))], "run").runs["run"]
    assert [(claim.au, claim.iou) for claim in answer.claims] == [(4, 1.0), (12, None)]


@pytest.mark.parametrize(("changes", "total"), [({"total": 1.7}, 1.7), ({}, 1.0)])
def test_the_score_is_the_total_or_the_sum_of_the_parts(changes, total):
    (answer,) = gallery([rollout(1, [], **changes)], "run").runs["run"]
    assert answer.score == total


def test_a_relative_picture_is_found_from_above_the_run(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg").touch()
    (tmp_path / "saves" / "run").mkdir(parents=True)
    known = rollout(1, [], images=["data/a.jpg"])
    for working in (tmp_path, tmp_path / "saves", tmp_path.parent):
        monkeypatch.chdir(working)
        (face,) = gallery([known], "run", tmp_path / "saves" / "run").faces
        assert face.image == tmp_path / "data" / "a.jpg"
