"""Reading rows: a bad line is named, counted and passed over, whatever is wrong with it."""

import json

import pytest

from tag_plugin.data.rows import RowError, dump_row, parse_row, read_rows, row_lines
from tests.data.bad_rows import bad_lines, good_row

BAD = bad_lines()


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_a_bad_line_is_named_in_one_short_line_and_the_next_row_is_read(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    good = [good_row(1), good_row(2)]
    path.write_bytes(b"\n".join([dump_row(good[0]).encode(), line, dump_row(good[1]).encode()]))
    errors: list[RowError] = []
    assert list(read_rows(path, errors.append)) == good
    (error,) = map(str, errors)
    assert error.startswith(f"{path}:2: ")
    assert len(error) < len(str(path)) + 400


@pytest.mark.parametrize("character", "\u2028\u2029\u0085\x0b\x0c\x1c\x1e\ufffd😀")
def test_odd_characters_in_a_string_are_characters(tmp_path, character):
    row = good_row(1).model_copy(update={"id": f"a{character}b", "identity": character})
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{dump_row(row)}\n{dump_row(row)}\n", encoding="utf-8", newline="")
    assert list(read_rows(path)) == [row, row]


@pytest.mark.parametrize(
    ("encoding", "end"),
    [("utf-8", "\n"), ("utf-8-sig", "\n"), ("utf-8", "\r\n"), ("utf-16", "\n"), ("utf-8", "\n \n")],
)
def test_encodings_line_ends_and_blank_lines_change_no_row(tmp_path, encoding, end):
    rows = [good_row(number) for number in range(3)]
    text = end.join(map(dump_row, rows))
    (tmp_path / "rows.jsonl").write_bytes(text.encode(encoding))
    assert list(read_rows(tmp_path / "rows.jsonl")) == rows


def test_every_line_counts_whatever_is_in_it(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(BAD.values()) + b"\n\n")
    assert len(list(row_lines(path))) == len(BAD)
    for where, line in row_lines(path):
        with pytest.raises(RowError, match=where):
            parse_row(line, where)


def test_bad_lines_are_named_on_stderr_up_to_a_limit_and_counted(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text("bad\n" * 50 + dump_row(good_row(1)) + "\n")
    assert list(read_rows(path)) == [good_row(1)]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 22
    assert f"skipped: {path}:1: Invalid JSON" in told[0]
    assert f"{path}: 50 lines are not rows and were skipped" in told[-1]


def test_a_row_is_written_as_it_was_read():
    line = dump_row(good_row(3))
    assert dump_row(parse_row(line, "here")) == line
    assert json.loads(line)["version"] == 2
