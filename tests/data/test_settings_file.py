"""Settings in YAML: what is wrong is said with the file and its line, and takes no memory."""

from pathlib import Path

import pytest

from tag_plugin.data.settings_file import read_yaml, read_yaml_mapping
from tag_plugin.data.text_file import TextFileError


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: ]", ":1: not YAML"),
        ("a: 1\nb: !!python/object:os.system {}", ":2: not YAML"),
        ("a: 2026-99-99", "not YAML"),
        ("&a [*a]", "an alias inside the value"),
        ("[" * 3000, "YAML"),
        ("a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
            f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ), "values, aliases followed"),
        ("a: " + "x" * 2**20, "too long for settings"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("- " * 50_000 + "a", "nested too deeply"),
        ("{a: " * 50_000 + "}" * 50_000, "nested too deeply"),
    ],
)  # fmt: skip
def test_yaml_that_cannot_be_read_names_the_file(tmp_path, text, words):
    path = _file(tmp_path, text.encode())
    with pytest.raises(TextFileError) as error:
        read_yaml(path)
    assert str(error.value).startswith(str(path)) and words in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"), [("- a", "a list"), ("5", "the int '5'"), ("5: a", "quote it")]
)
def test_a_mapping_is_asked_for_by_name(tmp_path, text, words):
    with pytest.raises(TextFileError, match=words):
        read_yaml_mapping(_file(tmp_path, text.encode()))


def test_an_empty_yaml_file_is_an_empty_mapping(tmp_path):
    assert read_yaml_mapping(_file(tmp_path, b"# nothing\n")) == {}
