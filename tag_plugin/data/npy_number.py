"""The one number of a `.npy` file, whatever the file claims: nothing is unpickled or allocated."""

from io import BytesIO
from math import prod
from pathlib import Path
from typing import Final

import numpy as np

from tag_plugin.data.source import SourceError

_LARGEST: Final = 4096
"""Bytes of a file with one number; its header takes 128."""
_LONGEST_ITEM: Final = 256


def read_number(path: Path) -> str:
    """The text of the one value in a file.

    Raises:
        SourceError: not a plain `.npy` file with one value; the message names the file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        return _value(content)
    # Whatever numpy says of a broken header: it is read as Python.
    except (OSError, ValueError, EOFError, SyntaxError, TypeError, RecursionError) as error:
        raise SourceError(
            f"{path} is not a plain .npy file with one number ({error}); next: unpack it again"
        ) from None


def _value(content: bytes) -> str:
    if len(content) > _LARGEST:
        raise ValueError(f"more than {_LARGEST} bytes")
    file = BytesIO(content)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, kind = read(file)
    if prod(shape) != 1 or kind.hasobject or not 0 < kind.itemsize <= _LONGEST_ITEM:
        raise ValueError(f"{prod(shape)} values of type {kind}")
    return str(np.frombuffer(content, kind, 1, file.tell())[0])
