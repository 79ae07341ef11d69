"""The one reader of text: what counts as a line, and what is said of what cannot be read."""

import json
import os
from pathlib import Path

import pytest

from tag_plugin.data import text_file
from tag_plugin.data.text_file import (
    TextFileError,
    csv_rows,
    json_lines,
    read_json,
    read_json_object,
    read_text,
    text_lines,
)

TWO_LINES = "a 1\nb 2\n"


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        TWO_LINES.encode(),
        TWO_LINES.strip().encode(),
        TWO_LINES.encode("utf-8-sig"),
        TWO_LINES.encode("utf-16"),
        b"\xfe\xff" + TWO_LINES.encode("utf-16-be"),
        TWO_LINES.encode("utf-32"),
        TWO_LINES.replace("\n", "\r\n").encode(),
        TWO_LINES.replace("\n", "\r").encode(),
        TWO_LINES.replace("\n", "\r\n").encode("utf-16"),
        TWO_LINES.replace("\n", "\n\n \n").encode(),
    ],
    ids=["lf", "no end", "bom", "utf-16", "utf-16-be", "utf-32", "crlf", "cr", "16 crlf", "blank"],
)
def test_every_encoding_and_line_end_gives_the_same_lines(tmp_path, content):
    assert [text for _, text in text_lines(_file(tmp_path, content))] == ["a 1", "b 2"]


@pytest.mark.parametrize("character", "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e")
def test_other_separators_are_characters_of_a_line(tmp_path, character):
    value = {"id": f"a{character}b"}
    line = json.dumps(value, ensure_ascii=False).encode()
    path = _file(tmp_path, line + b"\n" + line + b"\n")
    assert list(json_lines(path)) == [(f"{path}:1", value), (f"{path}:2", value)]
    (where, text) = next(text_lines(_file(tmp_path, f"a{character}b\n".encode())))
    assert (where, text) == (f"{path}:1", f"a{character}b")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\nb\xff\n", ":2: not UTF-8 (byte 0xff at 1); next: save it as UTF-8"),
        ("a\n".encode("utf-16-le") * 2, ":1: bytes of value 0"),
        (b"\xff\xfea", "not UTF-16"),
        ("a\n".encode("utf-16") + b"\x00\xd8\n\x00", "not UTF-16"),
        (b"a" * 30, ":1: a line of more than 20 bytes"),
    ],
)
def test_what_is_no_text_is_named_by_file_and_line(tmp_path, monkeypatch, content, words):
    monkeypatch.setattr(text_file, "MAX_LINE", 20)
    path = _file(tmp_path, content)
    with pytest.raises(TextFileError) as error:
        list(text_lines(path))
    assert str(error.value).startswith(str(path)) and words in str(error.value)


def test_a_bad_line_is_handed_over_and_the_next_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(text_file, "MAX_LINE", 30)
    lines = [b"1", b"\xff", b"[", b"3" * 40, b'"\\ud800"', b"[" * 20, b"2", b'{"a": "\xe2\x86']
    path = _file(tmp_path, b"\n".join(lines))
    bad: list[TextFileError] = []
    assert [value for _, value in json_lines(path, bad.append)] == [1, 2]
    assert [str(error).split(":")[1] for error in bad] == ["2", "3", "4", "5", "6", "8"]
    assert [error.unfinished for error in bad] == [False] * 5 + [True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5_000, "not JSON (Exceeds the limit"),
        ('{"a": "\\udc00"}', "half of a surrogate pair"),
    ],
)
def test_json_that_cannot_be_read_names_the_file(tmp_path, text, words):
    path = _file(tmp_path, text.encode())
    with pytest.raises(TextFileError, match=str(path)) as error:
        read_json(path)
    assert words in str(error.value)


def test_a_whole_surrogate_pair_is_a_character(tmp_path):
    assert read_json(_file(tmp_path, b'"\\ud83d\\ude00"')) == "\U0001f600"


@pytest.mark.parametrize("text", ["[]", "null", "3", '"a"'])
def test_an_object_is_asked_for_by_name(tmp_path, text):
    with pytest.raises(TextFileError, match="not a JSON object but"):
        read_json_object(_file(tmp_path, text.encode()))


def test_csv_fields_stay_in_their_line(tmp_path):
    text = 'a,"1, 2",b\n"open,3\nc,d,e\n' + "x" * 200_000 + ",1\nf\n"
    path = _file(tmp_path, text.encode())
    bad: list[TextFileError] = []
    rows = [fields for _, fields in csv_rows(path, bad.append)]
    assert rows == [["a", "1, 2", "b"], ["c", "d", "e"], ["f"]]
    assert [str(error).split(": ")[0] for error in bad] == [f"{path}:2", f"{path}:4"]


def test_a_pipe_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(TextFileError, match="a pipe or a device"):
            read_text(path)


def test_a_folder_is_an_error_of_the_file_system(tmp_path):
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        read_text(tmp_path)
