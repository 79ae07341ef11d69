"""How each claim of a trace stands before a detector."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections, Thresholds
from tag_plugin.facs.emotions import label_set
from tag_plugin.look.standing import Standing, check

LABELS = label_set("basic7")
MOUTH, BROWS, ELSEWHERE = (300, 600, 700, 800), (200, 200, 800, 350), (0, 0, 90, 90)
SEEN = Detections(
    detections=(
        Detection(au=12, probability=0.9, box=Box(*MOUTH)),
        Detection(au=4, probability=0.4, box=Box(*BROWS)),
        Detection(au=25, probability=0.8, box=Box(310, 610, 690, 790)),
    ),
    supported=frozenset({1, 4, 12, 25}),
)


def claim(au, box):
    unit, place = action_unit(au), ",".join(map(str, box))
    seen = f"the {unit.name} acts"
    return f"Inspect {unit.region} → {unit.code} ({unit.name}): {seen} → <bbox>[{place}]</bbox>"


def trace(*lines, answer="happiness"):
    return "\n".join(
        ("Global analysis: A face.", "Verification loop:", *lines)
        + (f"Final conclusion: dominant emotion of {answer}.", f"<answer>{answer}</answer>")
    )


def checked(text, seen=SEEN):
    return check(text, LABELS, BoxFrame.RELATIVE, seen, Thresholds())


@pytest.mark.parametrize(
    ("au", "box", "seen", "standing", "reason"),
    [
        (12, MOUTH, SEEN, "confirmed", "seen there too, IoU 1.00"),
        (12, ELSEWHERE, SEEN, "contradicted", "the detector sees it elsewhere, IoU 0.00"),
        (1, BROWS, SEEN, "contradicted", "the detector does not see it (0.00)"),
        (4, BROWS, SEEN, "not measurable", "the detector is undecided about AU4 (0.40)"),
        (17, MOUTH, SEEN, "not measurable", "this detector cannot measure AU17 here"),
        (12, MOUTH, None, "not measurable", "the detector sees no face in this frame"),
        (12, (700, 600, 300, 800), SEEN, "not measurable", "no claim that can be checked: "),
    ],
)
def test_a_claim(au, box, seen, standing, reason):
    (found,) = checked(trace(claim(au, box)), seen).claims
    assert (found.au, found.standing) == (au, standing)
    assert found.reason.startswith(reason)


def test_the_same_claim_counts_once():
    first, second = checked(trace(claim(12, MOUTH), claim(12, MOUTH))).claims
    assert [first.standing, second.standing] == [Standing.CONFIRMED, Standing.NOT_MEASURABLE]
    assert "duplicate claim" in second.reason


def test_what_nobody_named_is_told():
    assert [each.au for each in checked(trace(claim(12, MOUTH))).overlooked] == [25]


def test_every_present_au_can_be_confirmed_however_many_there_are():
    aus = [1, 2, 4, 5, 6, 7, 9, 10, 12]
    boxes = {au: Box(100 * n, 0, 100 * n + 90, 90) for n, au in enumerate(aus)}
    found = tuple(Detection(au=au, probability=0.9, box=box) for au, box in boxes.items())
    seen = Detections(detections=found, supported=frozenset(aus))
    lines = [claim(au, box.as_tuple()) for au, box in boxes.items()]
    assert checked(trace(*lines), seen).count(Standing.CONFIRMED) == len(aus)


@given(st.text(), st.sampled_from([SEEN, None]))
def test_no_text_is_too_strange_and_none_is_confirmed_by_accident(text, seen):
    result = checked(text, seen)
    confirmed = [each for each in result.claims if each.standing is Standing.CONFIRMED]
    assert not confirmed or "bbox" in text.lower()
