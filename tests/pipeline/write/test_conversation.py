"""When a row is asked again, and when it is dropped."""

import pytest

from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.pipeline.write.conversation import Conversation
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.verdict import Finding, Verdict

LABELS = LABEL_SETS["ferplus"]
FORMAT = Verdict(Finding.FORMAT, complaints=("missing answer",))
GROUNDING = Verdict(Finding.GROUNDING, complaints=("AU4 is in the list but was not inspected",))


def wrong(label):
    return Verdict(Finding.PREDICTION, predicted=label)


def asked(*verdicts, formats=2, labels=2):
    settings = WriterSettings(
        model="m", base_url="http://h/v1", format_retries=formats, label_retries=labels
    )
    talk = Conversation(LABELS)
    for number, verdict in enumerate(verdicts, start=1):
        assert not talk.is_over(settings), f"over before attempt {number}"
        talk = talk.after(verdict)
    return talk, talk.is_over(settings)


@pytest.mark.parametrize(
    ("verdicts", "over"),
    [
        ([FORMAT, FORMAT], False),
        ([FORMAT, FORMAT, FORMAT], True),
        ([FORMAT, GROUNDING, FORMAT], True),  # the same allowance
        ([wrong("fear"), wrong("sadness")], False),
        ([wrong("fear"), wrong("sadness"), wrong("disgust")], True),
        ([FORMAT, wrong("fear"), FORMAT, wrong("sadness")], False),  # each has its own allowance
    ],
)
def test_each_kind_of_failure_has_its_own_retries(verdicts, over):
    assert asked(*verdicts)[1] is over


def test_a_wrong_label_leaves_the_options_and_complaints_are_forgotten_after_it():
    talk, _ = asked(FORMAT, wrong("fear"))
    assert "fear" not in talk.options.labels
    assert (talk.number, talk.eliminated, talk.complaints) == (3, ("fear",), ())


def test_the_last_label_is_never_asked_for():
    others = [label for label in LABELS.labels if label != "anger"]
    talk, over = asked(*(wrong(label) for label in others), labels=99)
    assert talk.options.labels == ("anger",)
    assert over


def test_the_summary_says_what_happened():
    assert asked(wrong("fear"), FORMAT)[0].summary == "2 attempts; predicted fear; missing answer"
