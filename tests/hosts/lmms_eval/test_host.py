"""The real lmms-eval, in this process and from its command line."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from tag_plugin._autoload import ARMED
from tag_plugin.hosts.probe import PROBES
from tag_plugin.results.reader import read_run
from tag_plugin.results.stated import Stated
from tests.forked import as_command, forked
from tests.hosts.lmms_eval.small_data import COMPLETION, WITH_DETECTIONS, WITHOUT_DETECTIONS

pytestmark = [pytest.mark.host, pytest.mark.slow]


def run(log: Path, *options: str, **environment: str) -> tuple[int, str]:
    """What `lmms-eval` with these options ends with and prints."""
    command = as_command(import_module("lmms_eval.cli.dispatch").main, "lmms-eval", *options)
    return forked(command, log, **environment), log.read_text()


def measured(results: dict[str, object]) -> dict[str, object]:
    """The values of the host's table."""
    return {
        key.partition(",")[0]: value
        for key, value in results.items()
        if key.endswith(",none") and "_stderr" not in key
    }


def test_the_hosts_table_holds_the_metrics_by_hand(data_dir, manager, monkeypatch):
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.models.simple.dummy import Dummy

    monkeypatch.setenv("TAG_BOX_FRAME", "relative")
    tasks = ["tag_synth", "tag_ferplus"]
    found = simple_evaluate(model=Dummy(response=COMPLETION), tasks=tasks, task_manager=manager)
    assert measured(found["results"]["tag_synth"]) == pytest.approx(WITH_DETECTIONS)
    assert measured(found["results"]["tag_ferplus"]) == pytest.approx(WITHOUT_DETECTIONS)
    stated = Stated.model_validate(found["tag_plugin"]["tag_synth"])
    protocol = stated.protocol
    assert (protocol.box_frame, stated.box_frame_source) == ("relative", "TAG_BOX_FRAME")
    assert protocol.detector["name"] == "synthetic"
    assert protocol.decoding["until"] == []
    assert (protocol.n, protocol.items, protocol.answers) == (4, "all", "contract-1")
    assert found["results"]["tag_synth"]["alias"] == f"tag_synth [{protocol.fingerprint}]"
    values = {name: estimate.value for name, estimate in stated.summary.metrics.items()}
    assert {name: values[name] for name in WITH_DETECTIONS if name != "judged"} == pytest.approx(
        {name: value for name, value in WITH_DETECTIONS.items() if name != "judged"}
    )


def test_the_command_line_writes_table_results_and_records(data_dir, tmp_path):
    (data_dir / "synth/images/test/3.png").unlink()
    code, printed = run(
        tmp_path / "log",
        *("--model", "dummy", "--model_args", "response=<answer>happiness</answer>"),
        *("--tasks", "tag_synth", "--log_samples", "--output_path", str(tmp_path / "out")),
        TAG_DATA_DIR=str(data_dir),
        TAG_BOX_FRAME="absolute",
    )
    assert code == 0, printed
    assert re.search(r"\|recall_happiness *\|↑ *\| *1(\.0+)?\|", printed)
    assert "matched_iou" not in printed
    assert "1 of 4 rows left out" in printed
    (results,) = (tmp_path / "out").rglob("*_results.json")
    assert measured(json.loads(results.read_text())["results"]["tag_synth"])["accuracy"] == 2 / 3
    (samples,) = (tmp_path / "out").rglob("*_samples_tag_synth.jsonl")
    records = [json.loads(line)["judged"] for line in samples.read_text().splitlines()]
    assert [record["id"] for record in records] == ["synth-0", "synth-1", "synth-2"]
    assert {record["frame"] for record in records} == {"absolute"}
    read = read_run(tmp_path / "out")
    assert [sample.id for sample in read.samples()] == ["synth-0", "synth-1", "synth-2"]
    assert read.summary.metrics["accuracy"].value == 2 / 3
    assert re.search(
        rf"protocol tag_synth v1.0 \[{read.stated.fingerprint}\].*rows_sha256",
        printed.replace("\n", " "),
    )
    assert f"|tag_synth [{read.stated.fingerprint}]|" in printed
    assert "0.667 [" in printed, "the interval is printed"


def test_the_doctor_is_told_that_the_host_is_armed_and_has_the_tasks():
    answer = PROBES["lmms_eval"]()
    assert set(answer.armed.values()) == {ARMED}, answer
    assert "tag_ferplus" in answer.found["tasks"]


def test_missing_data_is_one_message_and_exit_code_1_before_a_model_loads(data_dir, tmp_path):
    arguments = ("--tasks", "tag_fer", "--model_args", "pretrained=/no/such/model")
    code, printed = run(tmp_path / "log", *arguments, TAG_DATA_DIR=str(data_dir))
    assert code == 1
    assert "no test data for rafdb, affectnet7 in" in printed
    assert "Traceback" not in printed
    assert "/no/such/model" not in printed, "nobody looked for the model"
