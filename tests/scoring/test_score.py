import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.scoring.rewards import (
    REWARDS,
    class_blind_grounding,
    coherence,
    dual_iou_grounding,
    weighted_sum,
)
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig, Reference, score_completion
from tag_plugin.trace.grammar import Inspection, Trace
from tag_plugin.trace.render import render
from tests.strategies import DETECTIONS

LABELS = LABEL_SETS["ferplus"]
EYES, MOUTH = Box(200, 200, 800, 400), Box(300, 600, 700, 800)
FRAMES = st.sampled_from(BoxFrame)


def reference(probabilities, supported=(4, 12, 15, 25), label="anger"):
    boxes = {4: EYES, 12: MOUTH, 15: MOUTH, 25: MOUTH}
    found = tuple(Detection(au=a, probability=p, box=boxes[a]) for a, p in probabilities.items())
    return Reference(label, LABELS, Detections(detections=found, supported=frozenset(supported)))


def claim(au, box=EYES):
    names = {au_id: unit.name for au_id, unit in ACTION_UNITS.items()}
    x1, y1, x2, y2 = box.as_tuple()
    return f"Inspect face → AU{au} ({names[au]}): it shows → <bbox>[{x1},{y1},{x2},{y2}]</bbox>"


def completion(*lines):
    return "\n".join(["Verification loop:", *lines])


NOTHING = "No activated action unit is visible."
HALF = Box(200, 200, 800, 300)  # IoU 0.5 with EYES


@pytest.mark.parametrize(
    ("probabilities", "lines", "expected"),
    [
        ({4: 0.9}, [claim(4)], 1.0),
        ({4: 0.9}, [claim(4, HALF)], (0.5 - 0.3) / 0.7),
        ({4: 0.9}, [claim(4, MOUTH)], 0.0),
        ({4: 0.9, 12: 0.9}, [claim(4)], 2 / 3),
        ({4: 0.9}, [claim(4), claim(12, MOUTH)], 2 / 3),  # AU12 is absent: it stays in P
        ({4: 0.9, 12: 0.4}, [claim(4), claim(12, MOUTH)], 1.0),  # grey band: it leaves P
        ({4: 0.9}, [claim(4), claim(6, MOUTH)], 1.0),  # unsupported: it leaves P
        ({4: 0.9}, [claim(4), claim(4, MOUTH)], 2 / 3),  # one detection is found once
        ({4: 0.9}, [], 0.0),
        ({}, [NOTHING], 1.0),
        ({}, [claim(4)], 0.0),
        ({}, [], 0.0),  # saying nothing at all is no claim of an inactive face
        ({12: 0.4}, [claim(12, MOUTH)], 1.0),  # only a grey claim
        ({}, [claim(6, MOUTH)], None),  # only an unsupported one: neither wrong nor "nothing"
        ({}, [claim(6, MOUTH), claim(4)], 0.0),
        ({12: 0.4}, [claim(6, MOUTH), claim(12, MOUTH)], None),
    ],
)
def test_grounding_follows_the_formula(probabilities, lines, expected):
    scored = score_completion(completion(*lines), reference(probabilities), BoxFrame.RELATIVE)
    assert scored.grounding == pytest.approx(expected)


@pytest.mark.parametrize(("units", "count"), [((4, 12), 0), ((4, 6), 1), ((6, 9, 6), 3)])
def test_claims_of_unsupported_units_are_counted(units, count):
    places = [Box(100 * n, 1, 100 * n + 90, 99) for n, _ in enumerate(units)]
    text = completion(*map(claim, units, places))
    assert score_completion(text, reference({4: 0.9}), BoxFrame.RELATIVE).unsupported == count


@pytest.mark.parametrize(("claims", "form"), [(3, 1.0), (4, 0.0)])
def test_a_claim_after_the_limit_is_a_defect_whatever_came_before(claims, form):
    steps = [
        Inspection(
            region="cheeks", au=6, observation=f"raised {n}", box=Box(100 * n, 1, 100 * n + 90, 99)
        )
        for n in range(claims)
    ]
    text = render(Trace(global_analysis="A face.", inspections=tuple(steps), answer="anger"))
    config = JudgeConfig(top_k=2, surplus_claims=1)
    assert score_completion(text, reference({4: 0.9}), FRAME, config).format == form


@pytest.mark.parametrize(
    ("label", "with_detections", "answer", "grounding"),
    [
        ("anger", True, 1.0, 1.0),
        ("fear", True, 0.0, 1.0),
        (None, True, None, 1.0),
        ("anger", False, 1.0, None),
        (None, False, None, None),
    ],
)
def test_none_is_not_applicable_and_zero_is_wrong(label, with_detections, answer, grounding):
    known = reference({4: 0.9}, label=label)
    if not with_detections:
        known = Reference(label, LABELS)
    text = completion(claim(4)) + "\n<answer>anger</answer>"
    scored = score_completion(text.replace("\n<", "\nFinal conclusion: x\n<"), known, FRAME)
    assert (scored.answer, scored.grounding) == (answer, grounding)


FRAME = BoxFrame.RELATIVE


@given(DETECTIONS, st.sampled_from(LABELS.labels), FRAMES, st.booleans(), st.integers(1, 8))
def test_a_written_trace_scores_full_marks_against_its_own_detections(
    detections, label, frame, weighted, top_k
):
    config = JudgeConfig(weighted=weighted, top_k=top_k)
    trace = write_trace(label, detections, 0, config)
    known = Reference(label, LABELS, detections)
    scored = score_completion(render(trace, frame), known, frame, config)
    assert (scored.format, scored.answer) == (1.0, 1.0)
    assert scored.grounding == pytest.approx(1.0)
    assert class_blind_grounding(scored, config) == pytest.approx(1.0)
    assert dual_iou_grounding(scored) == pytest.approx(1.0)


@given(DETECTIONS, st.text(max_size=300), FRAMES)
def test_every_part_of_any_text_is_a_share_or_none(detections, text, frame):
    scored = score_completion(text, Reference("anger", LABELS, detections), frame)
    for part in [reward.read(scored, DEFAULT_JUDGE) for reward in REWARDS.values()]:
        assert part is None or 0 <= part <= 1


@pytest.mark.parametrize(
    ("threshold", "full", "expected"),
    [(0.3, 1.0, 0.2 / 0.7), (0.3, 0.6, 2 / 3), (0.3, 0.5, 1.0), (0.5, 1.0, 0.0), (0.0, 1.0, 0.5)],
)
def test_the_ramp_from_nothing_to_everything(threshold, full, expected):
    config = JudgeConfig(iou_threshold=threshold, full_iou=full)
    scored = score_completion(completion(claim(4, HALF)), reference({4: 0.9}), FRAME, config)
    assert scored.grounding == pytest.approx(expected)
    assert class_blind_grounding(scored, config) == pytest.approx(expected)


def test_a_ramp_that_goes_down_is_refused():
    with pytest.raises(ValueError, match=r"full_iou 0\.3 must be above iou_threshold 0\.3"):
        JudgeConfig(iou_threshold=0.3, full_iou=0.3)


def test_present_units_beyond_top_k_are_left_undecided():
    known = reference({4: 0.9, 12: 0.8})
    one = JudgeConfig(top_k=1)
    text = completion(claim(4))
    assert score_completion(text, known, FRAME, one).grounding == 1.0
    both = completion(claim(4), claim(12, MOUTH))
    assert score_completion(both, known, FRAME, one).grounding == 1.0


def test_a_reference_refuses_a_label_outside_its_set():
    with pytest.raises(ValueError, match="not in the label set rafdb"):
        Reference("contempt", LABEL_SETS["rafdb"])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([1.0, 1.0, 1.0], 1.7),
        ([1.0, None, 0.0], 1.0),
        ([None, 0.5, None], 0.25),
        ([None, None, None], 0.0),  # nothing applies: nothing is earned, as in TRL
        ([[1.0, None, 0.0], [math.nan, 0.5, math.nan]], [1.0, 0.25]),
    ],
)
def test_the_weighted_sum_is_over_what_applies(parts, expected):
    assert weighted_sum(parts, [1.0, 0.5, 0.2]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("units", "answer", "expected"),
    [
        ((12,), "happiness", 1.0),
        ((12,), "sadness", 0.0),
        ((4, 15), "sadness", 1.0),
        ((), "neutral", None),  # nothing is claimed: there is nothing to agree
        ((12,), "?", None),
    ],
)
def test_coherence_is_of_claims_and_answer_alone(units, answer, expected):
    text = completion(*map(claim, units)) + "\nFinal conclusion: x"
    scored = score_completion(
        f"{text}\n<answer>{answer}</answer>", reference({4: 0.9}, label="fear"), FRAME
    )
    assert coherence(scored) == expected


@pytest.mark.parametrize(
    ("lines", "class_blind", "dual"),
    [
        ([claim(4)], 2 / 3, (1 / 2 + 1) / 2),
        ([claim(4), claim(12, MOUTH)], 1.0, 1.0),
        ([claim(4), claim(15, MOUTH)], 1.0, 0.5),  # the wrong name in the right place
        ([claim(4, HALF), claim(12, MOUTH)], (1 + 2 / 7) / 2, 0.75),
    ],
)
def test_the_parity_variants_follow_their_formulas(lines, class_blind, dual):
    scored = score_completion(completion(*lines), reference({4: 0.9, 12: 0.9}), FRAME)
    assert class_blind_grounding(scored) == pytest.approx(class_blind)
    assert dual_iou_grounding(scored) == pytest.approx(dual)
