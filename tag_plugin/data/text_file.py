"""Reading text that somebody else wrote: one reader of labels, rows, results, logs and settings.

UTF-8 with or without a byte order mark, or UTF-16 and UTF-32 with one. A line ends at LF, CRLF or a
lone CR and nowhere else: U+2028 and U+0085 are characters like any other. Whatever cannot be read
is a TextFileError that names the file and, where there is one, the line.
"""

import codecs
import csv
import json
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import yaml

MAX_LINE: Final = 64 * 2**20
"""Bytes of the longest line that is read."""
MAX_SETTINGS: Final = 2**20
"""Bytes of the longest YAML file that is read."""
MAX_YAML_DEPTH: Final = 200
MAX_YAML_VALUES: Final = 100_000
"""Values of a YAML file, those that an alias repeats counted each time."""

_BOMS: Final = (  # UTF-32 first: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_YAML_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TextFileError(ValueError):
    """Text that cannot be read; the message begins with `file:line` or `file`.

    `unfinished` is true of a last line without a line end: somebody may still be writing it.
    """

    def __init__(self, message: str, *, unfinished: bool = False) -> None:
        super().__init__(message)
        self.unfinished = unfinished


BadLine = Callable[[TextFileError], None]
"""What to do with a line that cannot be read, where going on with the next is right."""


def read_text(path: Path) -> str:
    r"""The whole file, without its byte order mark, every line end as \n.

    Raises:
        TextFileError: not a regular file, or not text; the message names the line.
        OSError: missing, or not to be opened.
    """
    return "".join(f"{text}\n" for _, text in _every_line(path, _raise))


def text_lines(path: Path, bad: BadLine | None = None) -> Iterator[tuple[str, str]]:
    """(`file:line`, text without its line end) of every line that is not blank.

    Args:
        path: the file.
        bad: is given each line that cannot be read; they are raised when None.

    Raises:
        TextFileError: not a regular file; or, without `bad`, a line that is not text or longer
            than MAX_LINE.
        OSError: missing, or not to be opened.
    """
    return ((where, text) for where, text in _every_line(path, bad or _raise) if text.strip())


def json_lines(path: Path, bad: BadLine | None = None) -> Iterator[tuple[str, Any]]:
    """(`file:line`, value) of every line of a JSONL file that is not blank.

    Args:
        path: the file.
        bad: is given each line that cannot be read; they are raised when None.

    Raises:
        TextFileError: as `text_lines`; or, without `bad`, a line that is not JSON.
        OSError: missing, or not to be opened.
    """
    bad = bad or _raise
    for number, line, ended in _byte_lines(path, bad):
        where = f"{path}:{number}"
        try:
            text = _decoded(line, where)
            if not text.strip():
                continue
            value = parse_json(text, where)
        except TextFileError as error:
            bad(TextFileError(str(error), unfinished=not ended))
            continue
        yield where, value


def csv_rows(path: Path, bad: BadLine | None = None) -> Iterator[tuple[str, list[str]]]:
    """(`file:line`, fields) of every line of a CSV file that is not blank.

    A field never goes on in the next line: a quote that is not closed spoils its own line only.

    Args:
        path: the file.
        bad: is given each line that cannot be read; they are raised when None.

    Raises:
        TextFileError: as `text_lines`; or, without `bad`, a line that is not CSV or has a field
            longer than `csv.field_size_limit()`.
        OSError: missing, or not to be opened.
    """
    for where, text in text_lines(path, bad):
        try:
            fields = next(csv.reader([text], strict=True))
        except (csv.Error, StopIteration) as error:
            (bad or _raise)(TextFileError(f"{where}: not CSV ({error})"))
            continue
        yield where, fields


def read_json(path: Path) -> Any:  # noqa: ANN401  # JSON is any value
    """The value of a JSON file.

    Raises:
        TextFileError: not a regular file, not text, or not JSON.
        OSError: missing, or not to be opened.
    """
    return parse_json(read_text(path), str(path))


def read_json_object(path: Path) -> dict[str, Any]:
    """The object of a JSON file.

    Raises:
        TextFileError: as `read_json`, or the value is no object.
        OSError: missing, or not to be opened.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise TextFileError(f"{path}: not a JSON object but {_kind(value)}")
    return value


def parse_json(text: str, where: str) -> Any:  # noqa: ANN401  # JSON is any value
    r"""The value of a JSON text.

    Raises:
        TextFileError: not JSON, nested too deeply, a number of thousands of digits, or half of a
            surrogate pair (`\ud800`), which no file and no terminal takes.
    """
    try:
        value = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise TextFileError(f"{where}: JSON nested too deeply") from None
    except UnicodeEncodeError:
        raise TextFileError(f"{where}: half of a surrogate pair in a JSON string") from None
    except ValueError as error:
        raise TextFileError(f"{where}: not JSON ({error})") from None
    return value


def read_yaml(path: Path) -> Any:  # noqa: ANN401  # YAML is any value
    """The value of a YAML file with plain tags; None when it is empty.

    Raises:
        TextFileError: not a regular file, not text, longer than MAX_SETTINGS, not YAML, or with
            more than MAX_YAML_VALUES values once its aliases are followed.
        OSError: missing, or not to be opened.
    """
    if _opened_size(path) > MAX_SETTINGS:
        raise TextFileError(f"{path}: longer than {MAX_SETTINGS:,} bytes, too long for settings")
    text = read_text(path)
    try:
        _check_depth(yaml.parse(text, Loader=_YAML_LOADER))
        value = yaml.load(text, Loader=_YAML_LOADER)  # noqa: S506  # a safe loader
        values = _size(value, {}, ())
    except RecursionError:
        raise TextFileError(f"{path}: YAML nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise TextFileError(f"{path}{line}: not YAML ({error.problem})") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise TextFileError(f"{path}: not YAML ({error})") from None
    if values > MAX_YAML_VALUES:
        raise TextFileError(f"{path}: more than {MAX_YAML_VALUES:,} values, aliases followed")
    return value


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """The mapping of a YAML file, every key a string; empty when the file is.

    Raises:
        TextFileError: as `read_yaml`, or the value is no mapping from strings.
        OSError: missing, or not to be opened.
    """
    value = read_yaml(path)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TextFileError(f"{path}: not a mapping `key: value` but {_kind(value)}")
    for key in value:
        if not isinstance(key, str):
            raise TextFileError(f"{path}: the key {str(key)[:40]!r} is no string; quote it")
    return value


def _check_depth(events: Iterator[Any]) -> None:
    """The loader in C takes a stack frame a level, and ends the process where that is too deep."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_YAML_DEPTH:
            raise RecursionError


def _raise(error: TextFileError) -> None:
    raise error


def _every_line(path: Path, bad: BadLine) -> Iterator[tuple[str, str]]:
    number = 0
    for _, line, ended in _byte_lines(path, bad):
        for part in line.split(b"\r"):
            number += 1
            where = f"{path}:{number}"
            try:
                text = _decoded(part, where)
            except TextFileError as error:
                bad(TextFileError(str(error), unfinished=not ended))
                continue
            yield where, text


def _byte_lines(path: Path, bad: BadLine) -> Iterator[tuple[int, bytes, bool]]:
    """(number, UTF-8 without its line end, whether there was one) of every line."""
    _opened_size(path)
    with path.open("rb") as file:
        encoding = _encoding(file)
        if encoding is not None:
            yield from _recoded(path, encoding)
            return
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            ended = line.endswith(b"\n")
            if not ended and len(line) > MAX_LINE:
                _skip_line(file)
                bad(TextFileError(f"{path}:{number}: a line of more than {MAX_LINE:,} bytes"))
                continue
            yield number, line.removesuffix(b"\n").removesuffix(b"\r"), ended


def _opened_size(path: Path) -> int:
    """The size in bytes; refuses a pipe or a device before it is opened, which might hang."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(21, "a folder, where a file is expected", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise TextFileError(f"{path}: a pipe or a device, not a file")
    return status.st_size


def _encoding(file: BinaryIO) -> str | None:
    """The encoding that a byte order mark tells; None is UTF-8, with its mark passed over."""
    start = file.read(4)
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding
    file.seek(len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0)
    return None


def _recoded(path: Path, encoding: str) -> Iterator[tuple[int, bytes, bool]]:
    number = 0
    try:
        with path.open(encoding=encoding, newline="\n") as file:
            while line := file.readline(MAX_LINE):
                number += 1
                ended = line.endswith("\n")
                text = line.removesuffix("\n").removesuffix("\r")
                yield number, text.encode(), ended
    except UnicodeError as error:
        raise TextFileError(f"{path}:{number + 1}: not {encoding.upper()} ({error})") from None


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
        pass


def _decoded(line: bytes, where: str) -> str:
    if b"\0" in line:
        raise TextFileError(
            f"{where}: bytes of value 0: not text, or UTF-16 without a byte order mark; next: "
            "save it as UTF-8"
        )
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        byte = f"byte 0x{line[error.start]:02x} at {error.start}"
        raise TextFileError(f"{where}: not UTF-8 ({byte}); next: save it as UTF-8") from None


def _size(value: object, sizes: dict[int, int], above: tuple[int, ...]) -> int:
    """How many values a value holds, one that an alias repeats counted each time."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in above:
        raise ValueError("an alias inside the value that it names")
    if id(value) not in sizes:
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        inside = (*above, id(value))
        sizes[id(value)] = 1 + sum(_size(part, sizes, inside) for part in parts)
    return sizes[id(value)]


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"the {type(value).__name__} {str(value)[:40]!r}"
