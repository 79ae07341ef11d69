"""lmms-eval's output folder comes back as frozen values; what is spoilt is named."""

import json

import pytest
from pydantic import ValidationError

from tag_plugin.results.reader import read_run, read_runs
from tag_plugin.results.record import Judged, ResultsError, as_units, read_record
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


def test_a_sample_comes_back_as_what_the_metrics_need():
    sample = Judged.model_validate(RECORDS[0])
    result = sample.result
    assert sample.right
    assert (result.id, result.gold, result.prediction) == ("f0", "happiness", "happiness")
    assert (result.well_formed, result.grounding, result.matched_ious) == (True, 1.0, (1.0,))
    assert as_units(result) == RECORDS[0]["units"]
    with pytest.raises(ValidationError, match="frozen"):
        sample.gold = "anger"


def test_without_detections_grounding_is_none_and_not_zero():
    parts = {"answer": 1.0, "grounding": None, "format": None}
    bare = record("x", "anger", "anger", parts=parts, reference=None, matches=[], units=None)
    result = Judged.model_validate(bare).result
    assert (result.grounding, result.matched_ious, result.well_formed) == (None, None, None)
    assert as_units(result) is None


def test_a_failed_request_cannot_be_scored():
    failed = Judged.model_validate(record("x", "anger", None, failed="timeout"))
    with pytest.raises(ValueError, match="x: the request failed: timeout"):
        _ = failed.result


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
        ('{"tag_plugin": {"tag_x": {}}}', "tag_x: protocol: Field required; next: evaluate again"),
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
        (json.dumps({"judged": {"id": "a"}}), r":5: task: Field required; next: evaluate again"),
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
