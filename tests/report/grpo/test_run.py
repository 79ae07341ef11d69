"""What is read from a run's directory."""

import json

import pytest

from tag_plugin.data.model_error import checked
from tag_plugin.report.grpo.logs import Rollout, RunError, read_run
from tag_plugin.report.grpo.rollouts import drift, gallery
from tag_plugin.report.grpo.verdict import verdict as alarm_in_words
from tests.report.scripted import write_lines


def run_of(tmp_path, log, rollouts=()):
    write_lines(tmp_path / "grpo_log.jsonl", log)
    write_lines(tmp_path / "rollouts.jsonl", rollouts)
    return read_run(tmp_path)


BOX = [100, 100, 200, 200]


def verdict(aus, wanted=None):
    """What the judge says of claims of these AUs, all in one place."""
    claims = [{"au": au, "box": BOX, "region": "", "observation": "", "defects": []} for au in aus]
    paired = [(aus.index(au), n) for n, au in enumerate(wanted or ()) if au in aus]
    return {
        "parsed": {
            "global_analysis": "",
            "claims": claims,
            "answer": "anger",
            "answer_text": "anger",
            "defects": [],
            "nothing_visible": False,
        },
        "format": 1.0,
        "answer": 1.0,
        "grounding": None if wanted is None else 1.0,
        "targets": wanted and [{"au": au, "box": BOX} for au in wanted],
        "matches": [{"claim": c, "target": t, "iou": 1.0, "credit": 1.0} for c, t in paired],
    }


def rollout(step, aus, wanted=None, **changes):
    made = {
        "step": step,
        "prompt_id": "a",
        "dataset": "synth",
        "images": ["a.jpg"],
        "solution": "anger",
        "text": "",
        "rewards": {"answer": 1.0, "au_grounding": None},
        "total": 1.0,
        "advantage": 0.0,
        "verdict": verdict(aus, wanted),
    }
    return made | changes


def read(*lines):
    return [checked(Rollout, json.loads(json.dumps(line))) for line in lines]


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
    found = alarm_in_words(run_of(tmp_path, log))
    assert (found.level, found.silent_steps, found.longest) == (level, silent, longest)
    assert word in found.detail


def test_a_run_without_signal_gets_no_verdict(tmp_path):
    assert alarm_in_words(run_of(tmp_path, [{"step": 1, "reward": 1.0}])) is None


def test_drift_counts_an_au_once_a_completion(tmp_path):
    known = [
        rollout(1, [4, 4], [4]),
        rollout(1, [12], [4]),
        rollout(2, [12], [12]),
        rollout(2, [12]),
    ]
    found = drift(read(*known))
    assert found.ranges == ["1", "2"]
    rows = {au: (shares, expected) for au, _, shares, expected in found.rows}
    assert rows == {4: ([0.5, 0.0], pytest.approx(2 / 3)), 12: ([0.5, 1.0], pytest.approx(1 / 3))}


def test_no_drift_of_runs_that_know_no_aus():
    (plain,) = read(rollout(1, [], verdict=None))
    assert drift([plain]) is None
    (answer,) = gallery([plain], "run").runs["run"]
    assert answer.prediction == ""
    assert "unparsable" not in answer.groups


def test_claims_are_paired_with_what_was_to_be_found():
    (answer,) = gallery(read(rollout(1, [4, 12], [4])), "run").runs["run"]
    overlaps = answer.verdict.overlaps
    shown = [(claim.au, overlaps.get(n)) for n, claim in enumerate(answer.claims)]
    assert shown == [(4, 1.0), (12, None)]


def test_the_score_is_the_total():
    (answer,) = gallery(read(rollout(1, [], total=1.7)), "run").runs["run"]
    assert answer.score == 1.7


def test_a_relative_picture_is_found_from_above_the_run(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg").touch()
    (tmp_path / "saves" / "run").mkdir(parents=True)
    known = read(rollout(1, [], images=["data/a.jpg"]))
    for working in (tmp_path, tmp_path / "saves", tmp_path.parent):
        monkeypatch.chdir(working)
        (face,) = gallery(known, "run", tmp_path / "saves" / "run").faces
        assert face.image == tmp_path / "data" / "a.jpg"
