"""The demo's own parts; the whole of it is `make demo`."""

import json
import sys

import pytest

from tag_plugin.demo import DemoError
from tag_plugin.demo.run import metric_table
from tag_plugin.demo.steps import Faces, Step, faces, read_metrics, run_step


def python(folder, code):
    return Step("one", (sys.executable, "-c", code), folder, "result")


def test_a_finished_step_is_skipped(tmp_path):
    step = python(tmp_path, f"open({str(tmp_path / 'result')!r}, 'a').write('x')")
    for _ in range(2):
        run_step(step, tmp_path / "logs", tmp_path)
    assert (tmp_path / "result").read_text() == "x"


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit('no such dataset')",
        "print('no such dataset')",
    ],  # the second leaves nothing
)
def test_a_failed_step_shows_its_last_lines_and_its_command(tmp_path, code):
    with pytest.raises(DemoError, match=r"(?s)no such dataset.*next: read .*one\.log.*-c"):
        run_step(python(tmp_path, code), tmp_path / "logs", tmp_path)


@pytest.mark.parametrize(("without", "support"), [("", ()), ("12,25", ("--support", "any"))])
def test_faces_whose_detector_is_blind_to_an_emotion_are_all_kept(tmp_path, without, support):
    *_, build = faces(tmp_path, Faces("drawn", {"train": 9}, seed=0, without=without))
    assert build.command == ("tag-plugin", "build", str(tmp_path / "drawn"), *support)


def results(folder, name, **metrics):
    folder.mkdir(parents=True, exist_ok=True)
    found = {f"{key},none": value for key, value in metrics.items()}
    content = {"results": {"tag_synth": {"alias": "tag_synth", **found}}}
    (folder / f"{name}_results.json").write_text(json.dumps(content))


def test_the_newest_results_are_read(tmp_path):
    results(tmp_path / "model", "20250101", accuracy=0.1)
    results(tmp_path / "model", "20250102", accuracy=0.9, uar="N/A")
    assert read_metrics(tmp_path) == {"accuracy": 0.9}


def test_missing_results_are_an_error(tmp_path):
    with pytest.raises(DemoError, match="no results"):
        read_metrics(tmp_path)


def test_an_absent_metric_is_a_dash_in_the_table():
    table = metric_table({"base": {"accuracy": 0.5}, "sft": {}, "rl": {"accuracy": 0.91}})
    row = [next(iter(column.cells)) for column in table.columns]
    assert row == ["Accuracy", "0.500", "-", "0.910"]
