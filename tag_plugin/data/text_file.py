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
from typing import Any, BinaryIO, Final

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
    file_size(path)
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
