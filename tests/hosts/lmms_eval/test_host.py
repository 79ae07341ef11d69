"""The real lmms-eval from its command line; few starts, each takes about 20 seconds."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tag_plugin.results.reader import Stated, read_run
from tests.hosts.lmms_eval.small_data import COMPLETION, WITH_DETECTIONS, WITHOUT_DETECTIONS

pytestmark = [pytest.mark.host, pytest.mark.slow]


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`lmms-eval` with these options; TAG_ variables only as given."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TAG_")}
    return subprocess.run(
        [str(Path(sys.executable).with_name("lmms-eval")), *options],
        env=inherited | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def measured(results: dict[str, object]) -> dict[str, object]:
    """The values of the host's table."""
    return {
        key.partition(",")[0]: value
        for key, value in results.items()
        if key.endswith(",none") and "_stderr" not in key
    }


def test_the_hosts_table_holds_the_metrics_by_hand(data_dir, monkeypatch):
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.models.simple.dummy import Dummy
    from lmms_eval.tasks import TaskManager

    monkeypatch.setenv("TAG_BOX_FRAME", "relative")
    tasks = ["tag_synth", "tag_ferplus"]
    model, manager = Dummy(response=COMPLETION), TaskManager("ERROR")
    found = simple_evaluate(model=model, tasks=tasks, task_manager=manager)
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
    done = run(
        *("--model", "dummy", "--model_args", "response=<answer>happiness</answer>"),
        *("--tasks", "tag_synth", "--log_samples", "--output_path", str(tmp_path / "out")),
        TAG_DATA_DIR=str(data_dir),
        TAG_BOX_FRAME="absolute",
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"\|recall_happiness *\|↑ *\| *1(\.0+)?\|", done.stdout)
    assert "matched_iou" not in done.stdout
    assert "1 of 4 rows left out" in done.stdout
    printed = done.stdout.replace("\n", " ")
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
        rf"protocol tag_synth v1.0 \[{read.stated.fingerprint}\].*rows_sha256", printed
    )
    assert f"|tag_synth [{read.stated.fingerprint}]|" in done.stdout
    assert "0.667 [" in done.stdout, "the interval is printed"


def test_missing_data_is_one_message_and_exit_code_1_before_a_model_loads(data_dir):
    arguments = ("--tasks", "tag_fer", "--model_args", "pretrained=/no/such/model")
    done = run(*arguments, TAG_DATA_DIR=str(data_dir))
    assert done.returncode == 1
    assert "no test data for rafdb, affectnet7 in" in done.stderr
    assert "Traceback" not in done.stderr
    assert "/no/such/model" not in done.stderr, "nobody looked for the model"
