"""A metric that is added to the table is in every list, and nothing else has to be said."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.results.reader import read_run
from tag_plugin.scoring.metrics import METRICS
from tests.results.run_files import write_run


@pytest.fixture
def silence(monkeypatch):
    """The share of answers that are not right, under a name that nothing knows."""
    share = METRICS["unparsable_rate"]
    metric = replace(
        share,
        name="mistakes",
        title="Mistakes made",
        estimator=lambda sums, _: 1 - sums["right"] / sums["items"],
    )
    monkeypatch.setitem(METRICS, metric.name, metric)


def test_a_new_metric_reaches_file_table_comparison_page_and_card(silence, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    results = write_run(tmp_path / "a")
    write_run(tmp_path / "b")
    assert read_run(results).summary.metrics["mistakes"].value == 0.5
    assert read_run(results).summary.subgroups["gender"]["male"].metrics["mistakes"].value == 0.0
    out = {name: tmp_path / f"{name}.txt" for name in ("report", "card")}
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "a"), str(tmp_path / "b")])
    assert "mistakes" in done.output
    for command, path in out.items():
        made = CliRunner().invoke(app, [command, str(tmp_path / "a"), "--out", str(path)])
        assert made.exit_code == 0, repr(made.exception)
    assert "Mistakes made" in out["report"].read_text()
    assert "| mistakes | 0.500 [" in out["card"].read_text()
    assert "type: mistakes" in out["card"].read_text()


@pytest.mark.host
def test_a_new_metric_reaches_the_hosts_list(silence):
    from tag_plugin.hosts.lmms_eval.results import metric_list

    entries = {each["metric"]: each for each in metric_list()}
    assert entries["mistakes"]["higher_is_better"] is False
