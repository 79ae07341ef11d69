"""Stored completions judged again: today's verdicts beside the old ones, the same protocol."""

import json

import pytest

from tag_plugin.cli import evaluation
from tag_plugin.results.protocol import differences
from tag_plugin.results.reader import read_run
from tag_plugin.results.record import ResultsError
from tag_plugin.results.rejudge import rejudge
from tag_plugin.scoring.score import JUDGE_VERSION
from tests.results.run_files import PROTOCOL, SMILE, record, write_run

TRACE = """Global analysis: A smile.
Verification loop:
Inspect lip corners → AU12 (lip corner puller): {seen} → <bbox>[300,600,700,800]</bbox>
Final conclusion: AU12 indicates a dominant emotion of happiness.
<answer>happiness</answer>{after}"""
FOUND = {"detections": [{"au": 12, "probability": 0.9, "box": SMILE}], "supported": [4, 12]}


def smiles(*completions, **changes):
    """Faces that smile, each with a verdict of an older judge: everything right."""
    return [
        record(f"f{n}", "happiness", "happiness", completion=text, detections=FOUND, **changes)
        for n, text in enumerate(completions)
    ]


GOOD, TRAILING, DENIED = (
    TRACE.format(seen="they are up", after=""),
    TRACE.format(seen="they are up", after=" <answer>fear</answer>"),
    TRACE.format(seen="they could not be found", after=""),
)


def test_verdicts_are_todays_and_the_old_files_stay(tmp_path):
    old = write_run(tmp_path, smiles(GOOD, TRAILING, DENIED))
    before = {path: path.read_bytes() for path in old.parent.iterdir()}
    (made,) = rejudge(tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    assert len(list(old.parent.iterdir())) == 4
    assert made.changed == 3  # the good one's analysis was made up
    assert [(r.prediction, r.verdict.grounding) for r in made.after.samples()] == [
        ("happiness", 1.0),
        (None, 1.0),
        ("happiness", 0.0),
    ]
    assert made.before.summary.metrics["accuracy"].value == 1.0
    assert made.after.summary.metrics["accuracy"].value == pytest.approx(2 / 3)
    assert json.loads(made.after.results_file.read_text())["results"]["tag_ferplus"][
        "accuracy,none"
    ] == pytest.approx(2 / 3)


def test_only_the_judges_version_changes_in_the_protocol_and_readers_find_the_new_run(tmp_path):
    write_run(tmp_path, smiles(GOOD), date="29990101_000000")
    (made,) = rejudge(tmp_path)
    assert differences(PROTOCOL, made.after.protocol) == {"judge.version": (None, JUDGE_VERSION)}
    assert made.after.stated.fingerprint == made.after.protocol.fingerprint != PROTOCOL.fingerprint
    assert read_run(tmp_path).results_file == made.after.results_file
    with pytest.raises(ResultsError, match="judged again before"):
        rejudge(tmp_path)


def test_a_failed_request_stays_one(tmp_path):
    failed = smiles(GOOD, "", failed="timeout")[1]
    write_run(tmp_path, [*smiles(GOOD), failed])
    (made,) = rejudge(tmp_path)
    assert (made.after.summary.n, made.after.summary.failed) == (1, 1)


@pytest.mark.parametrize(
    ("records", "samples", "task", "message"),
    [
        (smiles(GOOD), False, None, "next: evaluate again with --log_samples"),
        ([smiles(GOOD)[0]], True, "tag_rafdb", "no tag_rafdb"),
    ],
)
def test_what_cannot_be_judged_again_is_named(tmp_path, records, samples, task, message):
    write_run(tmp_path, records, samples=samples)
    with pytest.raises(ResultsError, match=message):
        rejudge(tmp_path, task)


def test_a_sample_without_what_it_was_judged_by_is_named(tmp_path):
    results = write_run(tmp_path, smiles(GOOD))
    (samples,) = results.parent.glob("*.jsonl")
    sample = json.loads(samples.read_text())
    sample["judged"]["detections"] = None
    samples.write_text(json.dumps(sample) + "\n")
    with pytest.raises(ResultsError, match=":1: f0 has no detections to be judged by; next: "):
        rejudge(tmp_path)


def test_the_command_shows_old_and_new_side_by_side(tmp_path, capsys):
    write_run(tmp_path, smiles(GOOD, TRAILING))
    evaluation.rejudge(tmp_path)
    shown = capsys.readouterr().out
    assert f"judge 1 -> {JUDGE_VERSION}" in shown
    assert "accuracy                 1.000 -> 0.500" in shown
