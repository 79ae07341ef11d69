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

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tag_plugin.facs.emotions import LabelSet
from tag_plugin.trace.announcements import announcements, leading_announcement
from tag_plugin.trace.answer_marks import plain_value
from tag_plugin.trace.answer_value import value_label
from tag_plugin.trace.reasoning import never_closed, without_reasoning


class AnswerPolicy(StrEnum):
    """How an answer is found: by the trace grammar's rule, or by this module's."""

    CONTRACT = "contract-1"
    CAREFUL = "careful-1"


@dataclass(frozen=True, slots=True)
class Answer:
    """`label` is canonical, None without a single clear answer; `text` is what was read as it."""

    label: str | None
    text: str | None


_LONG: Final = 1000
"""Characters of an announced answer with its explanation; a longer one is no answer."""
_SENTENCE_ENDS: Final = frozenset(".!?\u3002\uff01\uff1f)]}>\"'*`”’")


def read_answer(text: str, labels: LabelSet) -> Answer:
    """The answer of a free completion as one of `labels`. Never raises on any text."""
    reply = without_reasoning(text)
    if reply is None:
        return Answer(None, None)
    for announced in announcements(reply):
        if announced:
            return Answer(_agreed(announced, labels), announced[-1].strip()[:200])
    return Answer(None, None)


def is_cut_off(text: str) -> bool:
    """Whether a completion stops in the middle: open reasoning, or a long text without an end."""
    ended = text.rstrip()[-1:] in _SENTENCE_ENDS
    return never_closed(text) or (not ended and len(text.split(maxsplit=40)) > 40)


def _agreed(announced: list[str], labels: LabelSet) -> str | None:
    """The label that all announcements give."""
    agreed = {_value(value, labels) for value in dict.fromkeys(announced)}
    return agreed.pop() if len(agreed) == 1 else None


def _value(announced: str, labels: LabelSet) -> str | None:
    """An announced value as a label."""
    if len(announced) > _LONG:
        return None
    value = plain_value(announced)
    label = value_label(value)
    if label is None:
        inner = leading_announcement(value)
        label = value_label(plain_value(inner)) if inner else None
    return label if label in labels.labels else None
