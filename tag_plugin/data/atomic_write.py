"""Files that appear whole or not at all: neither a reader nor a next run ever sees half of one."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A file beside `path` to be written; it takes the place of `path` when the block ends well.

    After an error it is removed and `path` is as it was. Folders that are missing are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = private_partial(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def private_partial(path: Path) -> Path:
    """A name beside `path` that no other process on any machine writes."""
    return path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}.partial")
