"""What is done with results from the command line, in process."""

import json
import sys

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app, main
from tests.results.run_files import PROTOCOL, RECORDS, record, write_run


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_compare_prints_differences_and_the_paired_test(tmp_path):
    records = [record(each["id"], each["gold"], each["gold"]) for each in RECORDS]
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", records)
    out = tmp_path / "compared.json"
    done = run("compare", tmp_path / "a", tmp_path / "b", "--json", out)
    assert done.exit_code == 0, done.output
    assert "+0.500 [" in done.output
    assert "McNemar (exact): only A right on 0 items, only B on 2, p = 0.5000" in done.output
    found = json.loads(out.read_text())["tag_ferplus"]
    assert found["differences"]["accuracy"]["difference"] == 0.5
    assert found["protocols"] == [PROTOCOL.fingerprint] * 2


def test_a_difference_that_is_meant_has_to_be_named(tmp_path, monkeypatch):
    other = PROTOCOL.model_copy(update={"style": "direct"})
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", protocol=other)
    words = ["compare", str(tmp_path / "a"), str(tmp_path / "b")]
    monkeypatch.setattr(sys, "argv", ["tag-plugin", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert "differ in style: grounded | direct; next: " in str(stop.value)
    done = run(*words, "--across", "style")
    assert done.exit_code == 0, done.output
    assert "across style: grounded | direct" in done.output


def test_merge_says_how_much_there_is(tmp_path):
    write_run(tmp_path / "a")
    done = run("merge", tmp_path / "a", "--out", tmp_path / "m")
    assert done.exit_code == 0, done.output
    assert "all of 4 items in" in done.output


def test_a_card_is_not_overwritten_unasked(tmp_path):
    write_run(tmp_path / "a")
    out = tmp_path / "README.md"
    assert run("card", tmp_path / "a", "--out", out).exit_code == 0
    assert "# tiny" in out.read_text()
    again = run("card", tmp_path / "a", "--out", out)
    assert "--force to overwrite" in str(again.exception)
    assert run("card", tmp_path / "a", "--out", out, "--force").exit_code == 0
