"""Files that appear whole or not at all: neither a reader nor a next run ever sees half of one."""

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LONGEST_NAME: Final = 150  # bytes; what follows it has to fit into the 255 of a file name
_NUMBERS: Final = count()
_TIDIED: Final[set[Path]] = set()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A file beside `path` to be written; it takes the place of `path` when the block ends well.

    After an error it is removed and `path` is as it was. Folders that are missing are made.

    Raises:
        OSError: `path` is a folder, a pipe or a device, or cannot be written; it is named.
    """
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is a folder, a pipe or a device; next: name a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = private_partial(path)
    try:
        with full_disk_named(path):
            yield partial
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A whole file of UTF-8 text, as `atomic_write` puts it in place."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Around writing to a file that grows: a full disk is an error that names the file.

    Raises:
        OSError: no room; the system's own error names nothing.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM and error.filename is None:
            raise OSError(
                error.errno,
                f"{error.strerror} (next: make room, then the same command again)",
                str(path),
            ) from error
        raise


def private_partial(path: Path) -> Path:
    """A name beside `path` that no other process on any machine, and no other thread, writes.

    What killed processes of this machine left in the folder is removed first.
    """
    _remove_leftovers(path.parent)
    name = os.fsencode(path.name)[:_LONGEST_NAME].decode(errors="ignore")
    return path.with_name(f"{name}.{socket.gethostname()}-{os.getpid()}-{next(_NUMBERS)}.partial")


def _remove_leftovers(folder: Path) -> None:
    """Once a process and folder: partial files whose process is no longer there."""
    if folder in _TIDIED or not folder.is_dir():
        return
    _TIDIED.add(folder)
    ours = re.compile(rf"\.{re.escape(socket.gethostname())}-(\d{{1,9}})(-\d+)?\.partial$")
    with suppress(OSError):  # a folder that cannot be listed, a file of another user
        for leftover in folder.iterdir():
            match = ours.search(leftover.name)
            if match and not _lives(int(match[1])):
                leftover.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)  # it may be another user's
    return True
