r"""Reading the answer of a completion that was asked for no trace: other models, other habits.

The policy `careful-1` credits what a careful human would: a single, clear, positive answer.

1. Reasoning (<think>..</think> and the like) is no answer; if it never ends, there is none.
2. The strongest kind of announcement that occurs decides: <answer> or \boxed{} > "Answer: ..." >
   "Emotion: ..." and JSON keys > a last line that is a label > a last sentence that says it.
3. What is announced must be one label of the set, alone, or followed by an explanation that names
   no other. Announcements of the same kind must agree. An unreadable one is no answer: nothing
   weaker is tried.
4. Negations, hedges, questions, lists and mixtures are no answer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tag_plugin.facs.emotions import LabelSet, canonical_emotion
from tag_plugin.trace.answer_words import (
    ANNOUNCED,
    ANSWER_NAMES,
    EMOTION_NAMES,
    FEELING,
    HEDGE,
    INTENSITY,
    LINK,
    MENTION,
    NOUN,
    OTHER_WORDS,
    VERB,
)


class AnswerPolicy(StrEnum):
    """How an answer is found: by the trace grammar's rule, or by this module's."""

    CONTRACT = "contract-1"
    CAREFUL = "careful-1"


@dataclass(frozen=True, slots=True)
class Answer:
    """`label` is canonical, None without a single clear answer; `text` is what was read as it."""

    label: str | None
    text: str | None


_REASONING: Final = "think|thinking|reasoning|reason|analysis"
_OPEN_REASONING = re.compile(rf"<(?:{_REASONING})>", re.IGNORECASE)
_CLOSE_REASONING = re.compile(rf"</(?:{_REASONING})>", re.IGNORECASE)
_SHORT: Final = 300
"""Characters of a sentence that may say an answer."""
_LONG: Final = 1000
"""Characters of an announced answer with its explanation; a longer one is no answer."""

_TAGGED = re.compile(
    r"<answer>(.*?)(?:</answer>|\Z)|\\boxed\{(?:\\text\{)?([^{}]*)\}", re.IGNORECASE | re.DOTALL
)
_MARKDOWN = re.compile(r"[*_`#>]+|\\text|\$")
_TAGS = re.compile(r"</?[a-z_]{1,20}/?>", re.IGNORECASE)
_COLON: Final = ":\uff1a"
_END: Final = ".!?\u3002\uff01\uff1f"
_STOP: Final = ".!\u3002\uff01"
_AROUND: Final = f" \t\"'“”‘’,()[]\uff08\uff09{_COLON}{_STOP}"
_JSON_VALUE: Final = (
    rf"\s*[{_COLON}]\s*(\"[^\"\n]*\"|'[^'\n]*'|\[[^\]\n]*\]|\{{[^}}\n]*\}}|[^,}}\n]*)"
)
_OPTION = re.compile(rf"^\(?(?:[A-Ha-h]|\d)[).{_COLON}]\s*")
_EXPLAINED = re.compile(
    rf"\s*(?:[,;—–(\[\uff0c\uff1b\uff08{_COLON}{_END}]|-\s|(?:because|since|as|with|due to)\b|$)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(rf"(?<=[{_END}])\s*|\n+")
_SAID = re.compile(
    rf"(?P<before>[^.!?]*?)\b(?:{VERB})\b(?P<link>(?:\s+(?:{LINK}|{INTENSITY}))*)\s+"
    rf"[\"'“‘]?(?P<label>{MENTION})[\"'”’]?(?:\s+(?:{NOUN}))?\s*[.!]?",
    re.IGNORECASE,
)
_SAID_CHINESE = re.compile(
    rf"[^{_END}]*?(?:是|为|呈现出?|表现出?|显示出?|看起来(?:很)?)(?P<label>{MENTION})的?"
    rf"(?:表情|情绪|情感)?[{_STOP}]?"
)
_ARTICLE = re.compile(rf"^(?:(?:a|an|{INTENSITY})\s+)+", re.IGNORECASE)
_TRAILING_NOUN = re.compile(rf"\s+(?:{NOUN})$", re.IGNORECASE)
_MENTIONED = re.compile(MENTION, re.IGNORECASE)


def read_answer(text: str, labels: LabelSet) -> Answer:
    """The answer of a free completion as one of `labels`. Never raises on any text."""
    said = _without_reasoning(text)
    if said is None:
        return Answer(None, None)
    for announcements in _announcements(said):
        if announcements:
            found = {_value(announced, labels) for announced in announcements}
            text_read = announcements[-1].strip()[:200]
            return Answer(found.pop() if len(found) == 1 else None, text_read)
    return Answer(None, None)


def is_cut_off(text: str) -> bool:
    """Whether a completion stops in the middle: open reasoning, or a long text without an end."""
    opened, closed = len(_OPEN_REASONING.findall(text)), text.lower().count("</")
    ended = re.search(r"[.!?。!?)\]}>\"'*`”’]\s*\Z", text) is not None
    return (opened > 0 and closed == 0) or (len(text.split()) > 40 and not ended)


def _without_reasoning(text: str) -> str | None:
    """What follows the reasoning; None when reasoning never ends."""
    after = _CLOSE_REASONING.split(text)[-1]
    return None if _OPEN_REASONING.search(after) else after


def _announcements(text: str) -> Iterator[list[str]]:
    """What is announced as the answer, kind by kind, the strongest first."""
    yield [first if first or not second else second for first, second in _TAGGED.findall(text)]
    plain = _MARKDOWN.sub("", text.replace("_", " "))
    for names in (ANSWER_NAMES, EMOTION_NAMES):
        yield [*_json_values(plain, names), *_announced(plain, names)]
    yield _last_line(plain)
    yield _last_sentence(plain)


def _json_values(text: str, names: str) -> list[str]:
    found = re.findall(rf"[\"'](?:{names})[\"']{_JSON_VALUE}", text, re.IGNORECASE)
    return [value.strip().strip("\"'") for value in found]


def _announced(text: str, names: str) -> list[str]:
    start = rf"(?:^|(?<=[{_END};\n]))[\s\-•]*(?:{ANNOUNCED})?(?:{names})"
    sign = rf"\s*(?:is|are|=|[{_COLON}]|->|→|是|为)+[{_COLON}]?"
    found = re.findall(rf"{start}{sign}[^\S\n]*\n?[^\S\n]*([^\n]*)", text, re.IGNORECASE)
    return [value for value in found if value.strip()]


def _last_line(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1].strip() if lines else ""
    return [last] if _canonical(_OPTION.sub("", last)) else []


def _last_sentence(text: str) -> list[str]:
    sentences = [s.strip() for s in _SENTENCE.split(_TAGS.sub("", text)) if s and s.strip()]
    found = sentences[-1] if sentences else ""
    return [found] if len(found) <= _SHORT and _said(found) else []


def _value(text: str, labels: LabelSet) -> str | None:
    """An announced value as a label."""
    if len(text) > _LONG:
        return None
    value = _OPTION.sub("", _MARKDOWN.sub("", _TAGS.sub("", text)).strip().strip("\"'“”‘’"))
    label = _canonical(value) or _explained(value) or _said(value)
    return label if label in labels.labels else None


def _canonical(text: str) -> str | None:
    without_article = _ARTICLE.sub("", text.strip().strip(_AROUND))
    word = _TRAILING_NOUN.sub("", without_article).strip(_AROUND).casefold()
    return canonical_emotion(word) or OTHER_WORDS.get(word)


def _explained(text: str) -> str | None:
    """A label followed by an explanation that names no other: `happy, because ...`."""
    found = re.match(
        rf"(?:(?:a|an|{INTENSITY})\s+)*({MENTION})(?:\s+(?:{NOUN}))?", text, re.IGNORECASE
    )
    if found is None:
        return None
    rest, label = text[found.end() :], _canonical(found[1])
    others = {_canonical(other) for other in _MENTIONED.findall(rest)} - {label}
    doubtful = others or FEELING.search(rest) or re.search("[?/\uff1f]", rest)
    return label if _EXPLAINED.match(rest) and not doubtful else None


def _said(sentence: str) -> str | None:
    """The label that a sentence says at its end, as in `The person appears to be happy.`."""
    found = _SAID.fullmatch(sentence.strip()) or _SAID_CHINESE.fullmatch(sentence.strip())
    if found is None:
        return None
    before = sentence[: found.start("label")]
    doubtful = HEDGE.search(before) or _MENTIONED.search(before)
    return None if doubtful else _canonical(found["label"])
