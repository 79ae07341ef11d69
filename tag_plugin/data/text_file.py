"""Reading text that somebody else wrote: one reader of labels, rows, results and logs.

UTF-8 with or without a byte order mark, or UTF-16 and UTF-32 with one. A line ends at LF, CRLF or a
lone CR and nowhere else: U+2028 and U+0085 are characters like any other. Whatever cannot be read
is a TextFileError that names the file and, where there is one, the line. YAML: `settings_file`.
"""

import codecs
import csv
import json
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

MAX_LINE: Final = 64 * 2**20
"""Bytes of the longest line that is read."""

_BOMS: Final = (  # UTF-32 first: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class TextFileError(ValueError):
    """Text that cannot be read; the message begins with `file:line` or `file`.

    `unfinished` is true of a last line without a line end: somebody may still be writing it.
    """

    def __init__(self, message: str, *, unfinished: bool = False) -> None:
        super().__init__(message)
        self.unfinished = unfinished


Value = TypeVar("Value")
BadLine = Callable[[TextFileError], None]
"""What to do with a line that cannot be read, where going on with the next is right."""


def read_text(path: Path) -> str:
    r"""The whole file, without its byte order mark, every line end as \n.

    Raises:
        TextFileError: not a regular file, or not text; the message names the line.
        OSError: missing, or not to be opened.
    """
    return "".join(f"{text}\n" for _, text in _values(path, None, _as_it_is, blank=True))


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
    return _values(path, bad, _as_it_is)


def json_lines(path: Path, bad: BadLine | None = None) -> Iterator[tuple[str, Any]]:
    """(`file:line`, value) of every line of a JSONL file that is not blank.

    Args:
        path: the file.
        bad: is given each line that cannot be read; they are raised when None.

    Raises:
        TextFileError: as `text_lines`; or, without `bad`, a line that is not JSON.
        OSError: missing, or not to be opened.
    """
    return _values(path, bad, parse_json)


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
    return _values(path, bad, _fields)


def every_line(path: Path) -> Iterator[tuple[str, str | TextFileError, bool]]:
    """(`file:line`, its text or why it is none, whether it has an end) of blank lines too.

    Raises:
        TextFileError: not a regular file, or one that is no text from some line on.
        OSError: missing, or not to be opened.
    """
    number = 0
    for line, ended in _byte_lines(path):
        for part in [line] if len(line) > MAX_LINE else line.split(b"\r"):
            number += 1
            where = f"{path}:{number}"
            try:
                yield where, _decoded(part, where), ended
            except TextFileError as error:
                yield where, error, ended


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
        raise TextFileError(f"{path}: not a JSON object but {value_kind(value)}")
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


def file_size(path: Path) -> int:
    """The size in bytes, asked before a file is opened: a pipe or a device might hang.

    Raises:
        TextFileError: a pipe or a device.
        OSError: missing, or a folder.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(21, "a folder, where a file is expected", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise TextFileError(f"{path}: a pipe or a device, not a file")
    return status.st_size


def value_kind(value: object) -> str:
    """What a value is, for a message that says what was expected."""
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"the {type(value).__name__} {str(value)[:40]!r}"


def _raise(error: TextFileError) -> None:
    raise error


def _as_it_is(text: str, _where: str) -> str:
    return text


def _fields(text: str, where: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise TextFileError(f"{where}: not CSV ({error})") from None


def _values(
    path: Path, bad: BadLine | None, read: Callable[[str, str], Value], *, blank: bool = False
) -> Iterator[tuple[str, Value]]:
    """(`file:line`, what `read` makes of its text) of every line, blank ones if they are wanted."""
    for where, text, ended in every_line(path):
        try:
            if isinstance(text, TextFileError):
                raise text
            if blank or text.strip():
                yield where, read(text, where)
        except TextFileError as error:
            (bad or _raise)(TextFileError(str(error), unfinished=not ended))


def _byte_lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """(UTF-8 without its line end, whether there was one) of every line, or a long one's start."""
    file_size(path)
    with path.open("rb") as file:
        start = file.read(4)
        encoding = next((name for mark, name in _BOMS if start.startswith(mark)), None)
        if encoding is not None:
            yield from _recoded(path, encoding)
            return
        file.seek(len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0)
        while line := file.readline(MAX_LINE + 1):
            rest = line
            while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
                rest = file.readline(MAX_LINE + 1)
            yield line.removesuffix(b"\n").removesuffix(b"\r"), rest.endswith(b"\n")


def _recoded(path: Path, encoding: str) -> Iterator[tuple[bytes, bool]]:
    number = 0
    try:
        with path.open(encoding=encoding, newline="\n") as file:
            while line := file.readline(MAX_LINE):
                number += 1
                text = line.removesuffix("\n").removesuffix("\r")
                yield text.encode(), line.endswith("\n")
    except UnicodeError as error:
        raise TextFileError(f"{path}:{number + 1}: not {encoding.upper()} ({error})") from None


def _decoded(line: bytes, where: str) -> str:
    if len(line) > MAX_LINE:
        raise TextFileError(f"{where}: a line of more than {MAX_LINE:,} bytes")
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
