"""The words by which free completions announce, say, deny and doubt an emotion."""

import re
from collections.abc import Mapping
from typing import Final

from tag_plugin.facs.emotions import SYNONYMS

OTHER_WORDS: Final[Mapping[str, str]] = {
    "frightened": "fear",
    "expressionless": "neutral",
    "no expression": "neutral",
    "neutral expression": "neutral",
    "高兴": "happiness",
    "快乐": "happiness",
    "开心": "happiness",
    "喜悦": "happiness",
    "悲伤": "sadness",
    "伤心": "sadness",
    "难过": "sadness",
    "愤怒": "anger",
    "生气": "anger",
    "惊讶": "surprise",
    "吃惊": "surprise",
    "恐惧": "fear",
    "害怕": "fear",
    "厌恶": "disgust",
    "中性": "neutral",
    "中立": "neutral",
    "无表情": "neutral",
    "轻蔑": "contempt",
    "蔑视": "contempt",
}
"""Further words that a free answer may use for an emotion; all of them mean the label itself."""

_WORDS: Final = sorted(
    {*SYNONYMS, *(w for words in SYNONYMS.values() for w in words), *OTHER_WORDS},
    key=len,
    reverse=True,
)
_ASCII_WORDS: Final = "|".join(re.escape(word) for word in _WORDS if word.isascii())
_CHINESE_WORDS: Final = "|".join(word for word in _WORDS if not word.isascii())
MENTION: Final = rf"\b(?:{_ASCII_WORDS})\b|{_CHINESE_WORDS}"
"""A word that names an emotion, longest first."""

INTENSITY: Final = "very|slightly|somewhat|mildly|extremely|clearly|quite|strongly|primarily|mainly"
NOUN: Final = "facial expression|emotional state|expression|emotion|mood|face|look"
ANNOUNCED: Final = (
    r"(?:so|thus|therefore|hence|overall|in conclusion|in summary|conclusion)?[,:\uff1a]?\s*+"
    r"(?:the|my)?\s*+(?:(?:final|correct|most likely|best|overall|dominant|primary|main|predicted|"
    r"detected|recogni[sz]ed|facial|person's|emotional|最终|最后的?)\s*+){0,12}"
)
"""What may stand before the name of an announcement: `Therefore, the final answer is`."""

ANSWER_NAMES: Final = r"answer|final answer|prediction|predicted emotion|predicted label|答案|预测"
EMOTION_NAMES: Final = (
    r"emotion|expression|facial expression|dominant emotion|label|class|category|classification|"
    r"emotion category|情绪|表情|情感|面部表情"
)
KEYS: Final = r"(?:(?:final|primary|main|predicted|detected|facial) ){0,2}"
"""What may stand before such a name in a JSON key."""

VERB: Final = (
    "is|are|looks?|appears?|seems?|shows?|showing|express(?:es|ing)?|conveys?|displays?|indicates?|"
    "suggests?|represents?|depicts?|reflects?|feels?|feeling|portrays?"
)
LINKS: Final = frozenset(
    {
        *("to be", "to show", "to express", "to convey", "as", "like", "a", "an", "the", "one of"),
        *("that of", "an expression of", "a look of", "a feeling of", "the emotion of"),
        *("an emotion of", "the expression of", "a sense of", "best described as"),
        *("classified as", "described as", "feeling", *INTENSITY.split("|")),
    }
)
"""What may stand between a verb and the label: `appears to be very happy`."""

HEDGE = re.compile(
    r"\b(?:not|no|never|neither|nor|without|hardly|barely|cannot|can't|unable|unclear|if|whether|or|"
    r"may|might|could|would|perhaps|possibly|maybe|either|unlikely|than|instead|unlike|but|"
    r"sorry|difficult|hard to|impossible|rule[sd]? out|example|mix|mixture|blend|option|"
    r"question|asks?|asked|opposite|alternative|except|usually|often|typically|generally|normally)\b|n['’]t\b|不|没|无法|可能|或|吗"
)
"""In lower case. A sentence with one of these before its label does not plainly say it."""

FEELING = re.compile(
    r"\b(?:or|not|mixed|mixture|blend|both|maybe|perhaps|possibly|unsure|uncertain|cannot|wait|"
    r"actually|but)\b|n['’]t\b|或|不|可能"
)
"""In lower case. An explanation with one of these takes its label back, or might."""
