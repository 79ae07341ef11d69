"""The label that a short announced text gives: alone, with an explanation, or said in a sentence.

Every pattern is tried at one place, or takes a bounded number of steps at each place: reading a
value takes time that grows linearly with its length.
"""

import re
from typing import Final

from tag_plugin.facs.emotions import canonical_emotion
from tag_plugin.trace.answer_marks import DOUBTS
from tag_plugin.trace.answer_words import (
    FEELING,
    HEDGE,
    INTENSITY,
    LINKS,
    MENTION,
    NOUN,
    OTHER_WORDS,
    VERB,
)

COLON: Final = ":\uff1a"
END: Final = ".!?\u3002\uff01\uff1f"
_STOP: Final = ".!\u3002\uff01"
AROUND: Final = (
    f" \t\\{{}}|•·…–—\"'“”‘’,()[]\uff08\uff09{COLON}{_STOP}-«»‹›「」『』【】《》〈〉;\uff1b、"
)

_BULLET = re.compile(r"\A[\s\-–—•·‣*+→]++")
_OPTION = re.compile(
    r"\A[(\[]?(?:(?:option|choice)\s)?(?:[A-H]|[0-9]{1,2})"
    rf"(?:\s?(?:[)\].{COLON}]|[\-–—](?=\s))(?![0-9])|(?=\s?[(\[]))\s*+",
    re.IGNORECASE,
)
_EXPLAINED = re.compile(
    rf"\s*+(?:[,;—–(\[\uff0c\uff1b\uff08{COLON}{END}]|-\s|(?:because|since|as|with|due to)\b|$)",
    re.IGNORECASE,
)
_ARTICLES = re.compile(rf"\A(?:(?:a|an|{INTENSITY})\s++)++", re.IGNORECASE)
_LEADING_LABEL = re.compile(
    rf"(?:(?:a|an|{INTENSITY})\s++)*+({MENTION})(?:\s++(?:{NOUN}))?", re.IGNORECASE
)
_NOUN_AT_END = re.compile(rf"(?<!\s)\s++(?:{NOUN})\Z")
_OTHER_LABEL = re.compile(MENTION)
_DOUBT = re.compile(f"[?/\uff1f{DOUBTS}]")
_SAID_AT_END = re.compile(
    rf"({MENTION})[\"'”’]?(?:\s++(?:{NOUN}))?+\s*+[.!]?\Z",
    re.IGNORECASE,
)
_VERB = re.compile(rf"(?:.*\W)?(?:{VERB})", re.DOTALL)
_SAID_IN_CHINESE = re.compile(
    rf"(?:是|为|呈现出?|表现出?|显示出?|看起来(?:很)?)({MENTION})的?(?:表情|情绪|情感)?[{_STOP}]?\Z"
)
_LONGEST_LINK: Final = max(len(link.split()) for link in LINKS)


def value_label(value: str) -> str | None:
    """The one label that a value without marks gives, or None."""
    value = without_option(value)
    return bare_label(value) or _explained_label(value) or said_label(value)


def without_option(text: str) -> str:
    """The text without a bullet or the letter or number of an option: `- (B) happy` -> `happy`."""
    return _OPTION.sub("", _BULLET.sub("", text))


def bare_label(text: str) -> str | None:
    """The label that stands alone, perhaps with an article and `expression`."""
    word = _ARTICLES.sub("", text.strip().strip(AROUND).casefold())
    word = _NOUN_AT_END.sub("", word).strip(AROUND)
    return canonical_emotion(word) or OTHER_WORDS.get(word)


def labels_in(text: str) -> set[str | None]:
    """All labels that a text mentions."""
    return {bare_label(word) for word in set(_OTHER_LABEL.findall(text.casefold()))}


def _explained_label(text: str) -> str | None:
    """A label followed by an explanation that names no other: `happy, because ...`."""
    lead = _LEADING_LABEL.match(text)
    if lead is None or not _EXPLAINED.match(text, lead.end()):
        return None
    rest, label = text[lead.end() :].casefold(), bare_label(lead[1])
    doubtful = FEELING.search(rest) or _DOUBT.search(rest) or labels_in(rest) - {label}
    return None if doubtful else label


def said_label(sentence: str) -> str | None:
    """The label that a sentence says at its end, as in `The person appears to be happy.`."""
    sentence = sentence.strip()
    mention = _SAID_AT_END.search(sentence)
    if mention is None or not _verb_leads_to(sentence[: mention.start()]):
        mention = _SAID_IN_CHINESE.search(sentence)
        if mention is None or any(mark in END for mark in sentence[: mention.start()]):
            return None
    before = sentence[: mention.start(1)].casefold()
    return None if HEDGE.search(before) or labels_in(before) else bare_label(mention[1])


def _verb_leads_to(lead: str) -> bool:
    """Whether the words before a label end with a verb and words that link it to the label."""
    lead = lead[:-1] if lead.endswith(("'", '"', "“", "‘")) else lead
    if not lead[-1:].isspace() or any(mark in lead for mark in ".!?"):
        return False
    words = lead.casefold().split()
    while words:
        if _VERB.fullmatch(words[-1]):
            return True
        link = next((n for n in range(_LONGEST_LINK, 0, -1) if " ".join(words[-n:]) in LINKS), None)
        if link is None:
            return False
        del words[-link:]
    return False
