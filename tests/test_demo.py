"""The demo's own parts; the whole of it is `make demo`."""

import json
import sys

import pytest

from tag_plugin.demo import Demo, DemoError, _step, metric_table, read_metrics


def python(code):
    return [sys.executable, "-c", code]


def test_a_finished_step_is_skipped(tmp_path):
    demo = Demo(tmp_path)
    result = tmp_path / "result"
    command = python(f"open({str(result)!r}, 'a').write('x')")
    for _ in range(2):
        _step(demo, "one", result.is_file, command)
    assert result.read_text() == "x"


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit('no such dataset')",
        "print('no such dataset')",
    ],  # the second leaves nothing
)
def test_a_failed_step_shows_its_last_lines_and_its_command(tmp_path, code):
    with pytest.raises(DemoError, match=r"(?s)no such dataset.*next: read .*one\.log.*-c"):
        _step(Demo(tmp_path), "one", (tmp_path / "result").is_file, python(code))


def results(folder, name, **metrics):
    folder.mkdir(parents=True, exist_ok=True)
    found = {f"{key},none": value for key, value in metrics.items()}
    content = {"results": {"tag_synth": {"alias": "tag_synth", **found}}}
    (folder / f"{name}_results.json").write_text(json.dumps(content))


def test_the_newest_results_are_read(tmp_path):
    results(tmp_path / "model", "20250101", accuracy=0.1)
    results(tmp_path / "model", "20250102", accuracy=0.9, skill="N/A")
    assert read_metrics(tmp_path) == {"accuracy": 0.9}


def test_missing_results_are_an_error(tmp_path):
    with pytest.raises(DemoError, match="no results"):
        read_metrics(tmp_path)


def test_an_absent_metric_is_a_dash_in_the_table():
    table = metric_table({"before": {"accuracy": 0.5}, "after": {}})
    assert [next(iter(column.cells)) for column in table.columns] == ["accuracy", "0.500", "-"]
