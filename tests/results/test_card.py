"""A model card repeats what is recorded, and says what is not."""

import json

import pytest
import yaml

from tag_plugin.data.checkpoint_record import CheckpointRecord, write_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.results.card import model_card
from tag_plugin.results.eval_results import write_eval_results
from tag_plugin.results.reader import read_runs
from tag_plugin.results.record import ResultsError
from tests.results.run_files import PROTOCOL, RECORDS, record, write_run


def card(folder, checkpoint=None, **options):
    write_run(folder, **options)
    return model_card(read_runs(folder), checkpoint)


def test_every_number_stands_with_interval_and_protocol(tmp_path):
    text = card(tmp_path)
    (run,) = read_runs(tmp_path)
    accuracy = run.summary.metrics["accuracy"]
    assert f"| accuracy | 0.500 [{accuracy.low:.3f}, {accuracy.high:.3f}] |" in text
    assert f"### tag_ferplus v1.0 [{PROTOCOL.fingerprint}]" in text
    assert "| happiness | 1.000 [0.342, 1.000] * |" in text, "two faces: Wilson's, and flagged"
    assert "| gender female | 2 | 0.500" in text
    assert "preparation: rule majority" in text
    assert "FERPlus labels: MIT" in text
    assert "Art. 5(1)(f)" in text


def test_the_hubs_metadata_is_yaml_with_the_same_numbers(tmp_path):
    text = card(tmp_path)
    metadata = yaml.safe_load(text.split("---")[1])
    (result,) = metadata["model-index"][0]["results"]
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert values["accuracy"] == 0.5
    assert result["dataset"] == {"name": "ferplus (test)", "type": "ferplus", "split": "test"}
    assert all(PROTOCOL.fingerprint in metric["name"] for metric in result["metrics"])


@pytest.mark.parametrize(
    ("names", "dataset"), [({}, "ferplus"), ({"ferplus": "org/ferplus"}, "org/ferplus")]
)
def test_the_hubs_result_files_hold_the_headlines_with_their_protocol(tmp_path, names, dataset):
    write_run(tmp_path / "run")
    (file,) = write_eval_results(read_runs(tmp_path / "run"), tmp_path / "model", names)
    assert file == tmp_path / "model/.eval_results/tag_ferplus.yaml"
    entries = {each["dataset"]["task_id"]: each for each in yaml.safe_load(file.read_text())}
    accuracy = entries["tag_ferplus/accuracy"]
    assert (accuracy["dataset"]["id"], accuracy["value"]) == (dataset, 0.5)
    assert accuracy["date"].count("-") == 2
    for entry in entries.values():
        assert PROTOCOL.fingerprint in entry["notes"] and "n = " in entry["notes"]


def test_what_is_not_recorded_is_said_to_be_so(tmp_path):
    text = card(tmp_path)
    for name in ("base model", "architecture", "training configuration"):
        assert f"| {name} | not recorded |" in text


def test_facts_come_from_the_checkpoints_own_files(tmp_path):
    folder = tmp_path / "model"
    record_ = CheckpointRecord(
        template="tag_qwen2_5_vl", box_frame=BoxFrame.ABSOLUTE, prompt_hash="abc"
    )
    write_checkpoint_record(folder, record_)
    (folder / "config.json").write_text(json.dumps({"architectures": ["Some|Model"]}))
    training = {"model_name_or_path": "base/model", "learning_rate": 1e-5, "hub_token": "secret"}
    (folder / "training_args.yaml").write_text(yaml.safe_dump(training))
    text = card(tmp_path / "run", folder)
    assert "| base model | base/model |" in text
    assert "| architecture | Some\\|Model |" in text
    assert "| template (tag_plugin.json) | tag_qwen2_5_vl |" in text
    assert "| learning_rate (training) | 1e-05 |" in text
    assert "secret" not in text


def test_a_doubtful_run_says_so(tmp_path):
    failed = record("f9", "fear", None, failed="[LMMS_EVAL_REQUEST_FAILED] <b>|</b>")
    text = card(tmp_path, records=[*RECORDS, failed])
    assert "**Doubtful:** 1 of 5 requests failed" in text
    assert "<b>" not in text


def test_a_card_is_about_one_model(tmp_path):
    write_run(tmp_path, model="a")
    write_run(tmp_path, model="b")
    with pytest.raises(ResultsError, match=r"these runs are of a \(None\), b \(None\); next"):
        model_card(read_runs(tmp_path))
