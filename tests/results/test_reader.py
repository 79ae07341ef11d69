"""lmms-eval's output folder comes back as frozen values; what is spoilt is named."""

import json

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.results.reader import read_run, read_runs
from tag_plugin.results.record import ResultsError, read_record
from tag_plugin.scoring.record import JudgedSample
from tests.results.run_files import PROTOCOL, RECORDS, record, write_run


def test_a_run_is_read_with_protocol_numbers_and_samples(tmp_path):
    write_run(tmp_path)
    (run,) = read_runs(tmp_path)
    assert (run.task, run.model, run.date) == ("tag_ferplus", "tiny", "20260101_000000")
    assert run.protocol == PROTOCOL
    assert run.stated.fingerprint == PROTOCOL.fingerprint
    assert run.summary.metrics["accuracy"].value == 0.5
    assert [sample.id for sample in run.samples()] == ["f0", "f1", "f2", "f3"]
    assert run.run["model"] == "hf"
    assert PROTOCOL.fingerprint in run.title


def test_a_sample_comes_back_as_the_judge_left_it():
    sample = JudgedSample.model_validate(RECORDS[0])
    assert sample.right
    assert (sample.id, sample.gold, sample.prediction) == ("f0", "happiness", "happiness")
    assert sample.verdict.overlaps == {0: 1.0}
    assert sample.verdict.units == ((12,), (), ())
    assert sample.model_dump(mode="json") == RECORDS[0]
    with pytest.raises(ValidationError, match="frozen"):
        sample.gold = "anger"


def test_without_detections_grounding_is_none_and_not_zero():
    bare = {"targets": None, "judged_claims": [], "matches": [], "grounding": None, "format": None}
    sample = JudgedSample.model_validate(record("x", "anger", "anger", detections=None, **bare))
    verdict = sample.verdict
    assert (verdict.grounding, verdict.units, verdict.format, sample.consistency) == (None,) * 4


OLD = {"id": "f0", "prediction": "happiness", "parts": {"answer": 1.0}, "claims": []}


@pytest.mark.parametrize("command", ["compare", "report", "prefer", "draw", "mask"])
def test_samples_of_an_older_version_are_named_with_the_command_that_mends_them(
    tmp_path, command, monkeypatch
):
    results = write_run(tmp_path / "a")
    (samples,) = results.parent.glob("*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    for line in lines:
        del line["judged"]["verdict"]
        line["judged"] |= OLD | {"id": line["judged"]["id"]}
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    others = [str(tmp_path / "a")] if command in ("compare", "prefer") else []
    done = CliRunner().invoke(app, [command, str(tmp_path / "a"), *others])
    told = f"{done.exception or ''}{done.stderr}"
    assert f"{samples}:1: judged by an older tag-plugin" in told
    assert "next: tag-plugin rejudge" in told


def test_the_newest_run_of_each_model_counts(tmp_path):
    write_run(tmp_path, date="20260101_000000")
    newest = write_run(tmp_path, date="20260202_000000")
    other = write_run(tmp_path, model="other")
    assert {run.results_file for run in read_runs(tmp_path)} == {newest, other}
    assert read_run(newest).date == "20260202_000000"
    with pytest.raises(ResultsError, match=r"holds tag_ferplus of other, tag_ferplus of tiny"):
        read_run(tmp_path)


def test_a_task_can_be_named(tmp_path):
    write_run(tmp_path)
    write_run(tmp_path / "b", protocol=PROTOCOL.model_copy(update={"task": "tag_rafdb"}))
    assert read_run(tmp_path, "tag_rafdb").task == "tag_rafdb"
    with pytest.raises(ResultsError, match="no tag_affectnet"):
        read_run(tmp_path, "tag_affectnet")


def test_a_run_without_samples_has_numbers_all_the_same(tmp_path):
    write_run(tmp_path, samples=False)
    run = read_run(tmp_path)
    assert run.samples_file is None
    with pytest.raises(ResultsError, match="--log_samples"):
        run.samples()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"results": {"mmlu": {}}}', "no results of a tag_ task; next: run lmms-eval"),
        (
            '{"tag_plugin": {"tag_x": {}}}',
            "tag_x: protocol: Field required .*; next: evaluate again",
        ),
        ('{"tag_plugin": {"tag_x": 1}}', "tag_x: .*next: evaluate again"),
    ],
)
def test_other_results_are_refused_by_name(tmp_path, text, message):
    (tmp_path / "x_results.json").write_text(text)
    with pytest.raises(ResultsError, match=message):
        read_runs(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"samples_tag_ferplus\.jsonl:5: not JSON"),
        ('{"doc_id": 1}', r":5: not a sample of a tag_ task"),
        ("[]", r":5: not a sample of a tag_ task"),
        (json.dumps({"judged": {"id": "a"}}), r":5: task: Field required .*; next: evaluate again"),
    ],
)
def test_a_spoilt_line_is_named(tmp_path, line, message):
    write_run(tmp_path)
    run = read_run(tmp_path)
    with run.samples_file.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ResultsError, match=message):
        list(run.samples())


def test_what_a_later_version_adds_is_ignored():
    assert read_record({"judged": {**RECORDS[0], "mood": 1}}, "here").id == "f0"
