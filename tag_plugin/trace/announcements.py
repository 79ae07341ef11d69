"""Where a free completion announces its answer: tags, names with a colon, JSON keys, last words.

The text is walked over from left to right and nothing is looked for twice, so that the time grows
linearly with its length.
"""

import re
from collections.abc import Iterator
from typing import Final

from tag_plugin.trace.answer_marks import plain, without_latex
from tag_plugin.trace.answer_value import (
    COLON,
    END,
    bare_label,
    said_label,
    without_option,
)
from tag_plugin.trace.answer_words import ANNOUNCED, ANSWER_NAMES, EMOTION_NAMES, KEYS

_SHORT: Final = 300
"""Characters of a line or sentence that may say an answer."""

_TAGGED = re.compile(
    r"<(?:final_?)?answer>(.*?)(?:</(?:final_?)?answer>|\Z)"
    r"|\\boxed\s?\{((?:[^{}]++|\{[^{}]*+\})*+)\}"
    r"|\\boxed\s?\{\\[a-z]{2,10}\s?\{([^{}]*+)\}"  # cut off, or a brace forgotten
    r"|<\|begin_of_box\|>(.*?)(?:<\|end_of_box\|>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_DENIED_BEFORE = re.compile(r"(?:\b(?:not|never|n?or)|n['’]t|不是|并非)[\s(\"'*$]{0,4}\Z", re.I)
_BLANK: Final = "".join(filter(str.isspace, map(chr, range(0x3001)))).replace("\n", "") + "•-"
_GAPS = re.compile(
    rf"(?<![\s\-•;{END}])[{re.escape(_BLANK)}]*+[;{END}\n][\s\-•;{END}]*+"
    "(?=[a-z,:\uff1a最答预情表面])",
    re.IGNORECASE,
)
"""All between two sentences or lines, up to a letter that an announcement may begin with."""
_SIGN: Final = (
    rf"(?:\s*+\([^()\n]{{0,40}}\))?\s*+(?:is|are|=|[{COLON}]|->|→|[–—]|-(?=\s)|是|为)++[{COLON}]?"
)
_VALUE: Final = r"[^\S\n]*+\n?+[^\S\n]*+([^\n]*+)"
_NAMED = {
    names: re.compile(f"(?:{ANNOUNCED})?(?:{names}){_SIGN}{_VALUE}", re.IGNORECASE)
    for names in (ANSWER_NAMES, EMOTION_NAMES)
}
_KEY = {
    names: re.compile(rf"[\"']{KEYS}(?:{names})[\"']\s*+[{COLON}]\s*+", re.IGNORECASE)
    for names in (ANSWER_NAMES, EMOTION_NAMES)
}
_CLOSING = {'"': '"', "'": "'", "[": "]", "{": "}"}
_NOTHING = frozenset({"", "json"})


def announcements(text: str) -> Iterator[list[str]]:
    """What is announced as the answer, kind by kind, the strongest first."""
    yield [_denied_or_said(text, tag) for tag in _TAGGED.finditer(text)]
    text = plain(text)
    lowered = text.lower()
    for names in (ANSWER_NAMES, EMOTION_NAMES):
        occurs = any(name in lowered for name in names.split("|"))
        yield [*json_values(text, names), *_named(text, names)] if occurs else []
    yield _bare_lines(text)
    yield _last_sentence(text)


def leading_announcement(value: str) -> str | None:
    """What a value announces itself: `Emotion: happy`, `{"emotion": "happy"}`."""
    for names in (ANSWER_NAMES, EMOTION_NAMES):
        inner = set(json_values(value, names)) if value.startswith(("{", "[")) else None
        if inner:
            return inner.pop() if len(inner) == 1 else None
        if named := _NAMED[names].match(value):
            return named[1]
    return None


def json_values(text: str, names: str) -> list[str]:
    """The values of the keys with these names, quoted, in brackets, or up to a comma."""
    ends, values, position = _Ends(text), [], 0
    while key := _KEY[names].search(text, position):
        position = ends.of_value(key.end())
        values.append(text[key.end() : position].strip().strip("\"'"))
    return values


class _Ends:
    """Finds the ends of values whose starts only ever move to the right, each mark but once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: dict[str, int] = {}

    def of_value(self, start: int) -> int:
        """Where the value that starts here ends, its line at the latest."""
        line_end = self._first("\n", start)
        closing = _CLOSING.get(self._text[start : start + 1])
        closed = self._first(closing, start + 1) if closing else line_end
        if closed < line_end:
            return closed + 1
        return min(line_end, self._first(",", start), self._first("}", start))

    def _first(self, mark: str, start: int) -> int:
        place = self._next.get(mark, -1)
        if place < start:
            place = self._text.find(mark, start)
            self._next[mark] = place = len(self._text) if place < 0 else place
        return place


def _denied_or_said(text: str, tag: re.Match[str]) -> str:
    answer = without_latex(tag[tag.lastindex or 0])
    lead = text[max(0, tag.start() - 12) : tag.start()]
    return f"not {answer}" if _DENIED_BEFORE.search(lead) else answer


def _named(text: str, names: str) -> list[str]:
    """`Therefore, the final answer is: ...` at the beginning of a line or a sentence."""
    values: list[str] = []
    text, position = f"\n{text}", 0
    while gap := _GAPS.search(text, position):
        position = gap.end()
        if named := _NAMED[names].match(text, position):
            # A gap is seen from its first character on, so it is not cut here.
            position += len(named[0].rstrip(f"{_BLANK}\n;{END}"))
            if named[1].strip(" \t{[").casefold() not in _NOTHING:
                values.append(named[1])
    return values


def _bare_lines(text: str) -> list[str]:
    """The lines that are a label and nothing else, when the last line is one."""
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    if not lines or not _is_label(lines[-1]):
        return []
    return [line for line in dict.fromkeys(lines) if line != lines[-1] and _is_label(line)] + [
        lines[-1]
    ]


def _is_label(line: str) -> bool:
    return len(line) <= _SHORT and bare_label(without_option(line)) is not None


def _last_sentence(text: str) -> list[str]:
    tail = text.rstrip()[-_SHORT - 1 :]
    start = max(tail.rfind(mark, 0, len(tail) - 1) for mark in f"{END}\n") + 1
    sentence = tail[start:].strip()
    return [sentence] if len(sentence) <= _SHORT and said_label(sentence) else []
