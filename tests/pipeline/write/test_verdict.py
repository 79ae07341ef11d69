"""What becomes of a reply: the judge's scores as keep, ask again, eliminate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.facs.emotions import LABEL_SETS, LabelSet
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.verdict import Finding, judge_reply
from tag_plugin.scoring.score import DEFAULT_JUDGE
from tests.pipeline.write.replies import AU1, AU4, AU12, AU25, BOX4, BOX12, ROW, reply, written

OPTIONS = LABEL_SETS["ferplus"]
FIXED = {"model": "m", "base_url": "http://127.0.0.1/v1"}
INSERT, VERIFY = WriterSettings(**FIXED), WriterSettings(**FIXED, mode="verify")
NO_COMPLAINT = ""


def judged(text, settings=INSERT, options=OPTIONS, finish="stop"):
    return judge_reply(reply(text, finish), ROW, options, settings, DEFAULT_JUDGE)


@pytest.mark.parametrize(
    ("text", "finding", "complaint"),
    [
        (written(AU4, AU12), Finding.KEPT, NO_COMPLAINT),
        (written(AU12, AU4, units="AU12 + AU4 indicate"), Finding.KEPT, NO_COMPLAINT),
        (written(AU4, AU12, label="fear"), Finding.PREDICTION, NO_COMPLAINT),
        (written(AU4, AU12, label="joy"), Finding.PREDICTION, NO_COMPLAINT),  # a synonym
        (written(AU4, AU12, label="grief"), Finding.FORMAT, "unknown label"),
        (written(AU4, units="AU4 indicates"), Finding.GROUNDING, "AU12 is in the list but"),
        (written(AU4, AU12, AU1), Finding.FORMAT, "AU1 is not in the list"),
        (written(AU4, AU12, AU4), Finding.FORMAT, "AU4 is not in the list, or inspected twice"),
        (written(AU4, AU12, AU25), Finding.FORMAT, "AU25 is not in the list"),  # grey band
        (written("No activated action unit is visible."), Finding.FORMAT, "disagrees with the"),
        ("I cannot help with that.", Finding.FORMAT, "missing answer"),
        ("", Finding.FORMAT, "missing global analysis"),
        (written(AU4, AU12) + "\nThank you!", Finding.FORMAT, "text after the answer"),
        (written(f"- {AU4}", AU12), Finding.FORMAT, "an action unit line outside the format"),
        (written(AU4.replace("lowerer", "raiser"), AU12), Finding.FORMAT, "name disagree"),
        (written(AU4.replace("are lowered", "are not visible"), AU12), Finding.FORMAT, "denies"),
    ],
)
def test_inserted_boxes(text, finding, complaint):
    verdict = judged(text)
    assert verdict.finding is finding
    assert complaint in "; ".join(verdict.complaints)
    assert (verdict.trace is not None) == (finding is Finding.KEPT)
    assert bool(verdict.complaints) == (finding in (Finding.FORMAT, Finding.GROUNDING))


def boxes(box4, box12):
    return written(f"{AU4} → {box4}", f"{AU12} → {box12}")


@pytest.mark.parametrize(
    ("text", "finding", "complaint"),
    [
        (boxes(BOX4, BOX12), Finding.KEPT, NO_COMPLAINT),
        (boxes("<bbox>[110,205,300,395]</bbox>", BOX12), Finding.KEPT, NO_COMPLAINT),
        (boxes(BOX12, BOX4), Finding.GROUNDING, "the box of AU12 is not where"),  # swapped
        (
            boxes("<bbox>[0,0,1000,1000]</bbox>", BOX12),
            Finding.GROUNDING,
            "the box of AU4 is not where",
        ),
        (written(AU4, AU12), Finding.FORMAT, "action unit without box"),
        (boxes("<bbox>[300,200,100,400]</bbox>", BOX12), Finding.FORMAT, "reversed box"),
        (
            written(f"{AU4} → {BOX4}", f"{AU12} → {BOX12}", f"{AU25} → <bbox>[1,2,3,4]</bbox>"),
            Finding.FORMAT,  # the conclusion leaves it out
            "AU25 is not in the list",
        ),
    ],
)
def test_verified_boxes(text, finding, complaint):
    verdict = judged(text, VERIFY)
    assert verdict.finding is finding
    assert complaint in "; ".join(verdict.complaints)


def test_an_action_unit_of_the_grey_band_is_no_evidence():
    lines = (f"{AU4} → {BOX4}", f"{AU12} → {BOX12}", f"{AU25} → <bbox>[1,2,3,4]</bbox>")
    verdict = judged(written(*lines, units="AU4 + AU12 + AU25 indicate"), VERIFY)
    assert (verdict.format, verdict.grounding) == (1.0, 1.0)  # the judge leaves it out of both
    assert verdict.finding is Finding.GROUNDING


@pytest.mark.parametrize(
    "wrapped",
    [
        "<think>hm, AU4?</think>\n{}",
        "  <THINK>a\nb</THINK>{}",
        "It is calm.</think>{}",  # the opening mark stood in the prompt
        "<thinking>AU1?</thinking>{}",
        "[THINK]AU1?[/THINK]{}",
        "<think>{}</think>",  # around the trace
    ],
)
def test_reasoning_before_the_trace_is_left_out(wrapped):
    assert judged(wrapped.format(written(AU4, AU12))).finding is Finding.KEPT


def test_the_marks_around_an_answer_of_the_glm_family_are_left_out():
    text = written(AU4, AU12).replace(">anger<", "><|begin_of_box|>anger<|end_of_box|><")
    assert judged(text).finding is Finding.KEPT


@pytest.mark.parametrize("settings", [INSERT, VERIFY])
def test_a_kept_trace_has_the_writers_words_and_the_detectors_boxes(settings):
    verdict = judged(boxes("<bbox>[110,205,300,395]</bbox>", BOX12), settings)
    assert [step.box for step in verdict.trace.inspections] == [
        found.box for found in ROW.detections.detections[:2]
    ]
    assert verdict.trace.inspections[0].observation == "the brows are lowered"
    assert verdict.trace.answer == "anger"


def test_an_eliminated_label_is_no_option_any_more():
    left = LabelSet("ferplus", ("anger", "fear"))
    verdict = judged(written(AU4, AU12, label="sadness"), options=left)
    assert verdict.finding is Finding.FORMAT
    assert "unknown label" in verdict.complaints


def test_a_reply_that_was_too_long_is_never_kept():
    verdict = judged(written(AU4, AU12), finish="too long")
    assert verdict.finding is Finding.FORMAT
    assert verdict.complaints == ("far too long",)


@given(st.text(max_size=400) | st.text(max_size=80).map(lambda t: written(AU4 + t, AU12)))
def test_complaints_never_repeat_a_word_of_the_reply(text):
    """Whatever a reply says, the next question holds only our own words."""
    marked = text.replace("a", "Ω")
    for settings in (INSERT, VERIFY):
        assert "Ω" not in "".join(judged(marked, settings).complaints)
