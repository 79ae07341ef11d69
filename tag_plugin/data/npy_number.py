"""The one number of a `.npy` file, whatever the file claims: nothing is unpickled or allocated."""

from pathlib import Path
from tokenize import TokenError
from typing import Final

import numpy as np

from tag_plugin.data.source import SourceError

_BROKEN: Final = (SyntaxError, TokenError, RecursionError)
"""What reading a header as Python ends with, where it is none."""
_LONGEST_ITEM: Final = 256
"""Bytes."""


def read_number(path: Path) -> str:
    """The text of the one value in a file.

    Raises:
        SourceError: not a plain `.npy` file with one value; the message names the file.
    """
    try:
        value = np.lib.format.open_memmap(path, mode="r")
        if value.size != 1 or not 0 < value.itemsize <= _LONGEST_ITEM:
            raise ValueError(f"{value.size} values of type {value.dtype}")
    except (*_BROKEN, OSError, ValueError, EOFError, TypeError, OverflowError) as error:
        raise SourceError(
            f"{path} is not a plain .npy file with one number ({error}); next: unpack it again"
        ) from None
    return str(value.item())
