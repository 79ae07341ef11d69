"""What models put around an answer and no reader sees as words: special tokens, tags, LaTeX, emoji.

Each function takes time that grows linearly with the length of the text.
"""

import re
from typing import Final

DOUBTS: Final = "❌✖✗✘✕❎☒☐□○◯⚪⬜◻🚫⛔👎❓❔⁉‽🤔🤷≠"
"""Marks that deny, doubt or leave open what stands beside them; they stay in the text."""

_TURN_ENDS = re.compile(
    r"<[|\uff5c](?:im_end|im_start|eot_id|eom_id|eot|endoftext|end_of_text|end_of_turn|end|return|eos|"
    r"start_header_id|end▁of▁sentence)[|\uff5c]>|</s>|<(?:eos|end_of_turn|start_of_turn)>|<br\s?/?>",
    re.IGNORECASE,
)
_TOKENS = re.compile(r"<[|\uff5c][^<>|\uff5c\n]{1,40}[|\uff5c]>|\[/?INST\]")
_TAGS = re.compile(r"</?[a-z_][a-z0-9_]{0,19}\s?/?>", re.IGNORECASE)
_MARKDOWN = re.compile(r"[*_`#>]+|\\text|\$")
_LATEX = re.compile(
    r"\\(?:boxed|fbox|mbox|emph|underline|text[a-z]{0,2}|math[a-z]{0,4})\s?\{([^{}]*)\}"
)
_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff\u00ad\u20e3]")
_EMOJI = re.compile(f"(?![{DOUBTS}])[\U0001f000-\U0001faff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    **dict.fromkeys(map(ord, "「」『』《》〈〉【】«»‹›„‚″"), '"'),
    ord("\u3002"): ".",
    ord("、"): ",",
    ord("\u3000"): " ",
}


def plain(text: str) -> str:
    """A completion without marks; the end of a turn ends the line."""
    text = without_latex(_without_emoji(_without_tags(_TURN_ENDS.sub("\n", text))))
    return _MARKDOWN.sub("", text.replace("_", " "))


def plain_value(text: str) -> str:
    """An announced value without marks and without the quotes around it, in ASCII punctuation."""
    text = _MARKDOWN.sub("", without_latex(_without_emoji(_without_tags(text))))
    if not text.isascii():
        text = text.translate(_FULL_WIDTH)
    return text.strip().strip("\"'“”‘’")


def without_latex(text: str) -> str:
    r"""The text without boxes and fonts: `\boxed{\text{happy}}` -> `happy`."""
    for _ in range(3):
        if "\\" not in text:
            break
        text = _LATEX.sub(r"\1", text)
    return text


def _without_tags(text: str) -> str:
    text = _TOKENS.sub(" ", text) if "<" in text or "[" in text else text
    return _TAGS.sub("", text) if "<" in text else text


def _without_emoji(text: str) -> str:
    return text if text.isascii() else _EMOJI.sub(" ", _UNSEEN.sub("", text))
