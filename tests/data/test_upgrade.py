"""Rows that an older version wrote become today's; what is no row is named and not lost."""

import json

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.rows import dump_row, read_rows
from tests.hosts.lmms_eval.small_data import row


def old_line(number):
    return json.dumps(json.loads(dump_row(row(number))) | {"version": 1})


@pytest.fixture
def dataset(tmp_path):
    """Two files of old rows, one of today's, and one that holds no rows."""
    for name in ("prepared", "detected", "dropped"):
        (tmp_path / name).mkdir()
    (tmp_path / "detected/train.jsonl").write_text(f"{old_line(0)}\n{old_line(1)}\n")
    (tmp_path / "detected/test.jsonl").write_text(f"{old_line(2)}\n{{}}\n{old_line(3)}\n")
    (tmp_path / "prepared/test.jsonl").write_text(f"{dump_row(row(2))}\n")
    (tmp_path / "dropped/detected-test.jsonl").write_text('{"id": "a", "reason": "no face"}\n')
    return tmp_path


def test_old_rows_are_read_as_they_are(dataset):
    assert list(read_rows(dataset / "detected/train.jsonl")) == [row(0), row(1)]


def test_an_upgrade_writes_what_todays_tag_plugin_writes_and_keeps_the_old_files(dataset):
    before = {path: path.read_bytes() for path in dataset.rglob("*.jsonl")}
    done = CliRunner().invoke(app, ["data", "upgrade", str(dataset)])
    assert done.exit_code == 0, repr(done.exception)
    assert (dataset / "detected/train.jsonl").read_text() == "".join(
        f"{dump_row(row(number))}\n" for number in (0, 1)
    )
    assert f"{dataset / 'detected/test.jsonl'}:2: " in done.stderr
    assert list(read_rows(dataset / "detected/test.jsonl")) == [row(2), row(3)]
    changed = {path for path, content in before.items() if path.read_bytes() != content}
    assert {path.parent.name for path in changed} == {"detected"}
    for path in changed:
        assert path.with_name(f"{path.name}.old").read_bytes() == before[path]
    again = CliRunner().invoke(app, ["data", "upgrade", str(dataset)])
    assert "0 of 2 rows written anew" in again.output
    assert all(path.with_name(f"{path.name}.old").read_bytes() == before[path] for path in changed)


@pytest.mark.parametrize("name", ["dropped", "dropped/detected-test.jsonl"])
def test_where_no_rows_are_is_said(dataset, name):
    done = CliRunner().invoke(app, ["data", "upgrade", str(dataset / name)])
    assert "not one row; next: " in str(done.exception)
