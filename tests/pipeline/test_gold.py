"""Only a trace that the judge gives full marks in both box frames is gold."""

import pytest

from tag_plugin.data.rows import Row
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.pipeline.gold import why_not_gold
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.scoring.score import DEFAULT_JUDGE

FOUND = Detections(
    detections=(
        Detection(au=12, probability=0.9, box=Box(200, 500, 800, 800)),
        Detection(au=25, probability=0.8, box=Box(301, 633, 703, 777)),
        Detection(au=4, probability=0.4, box=Box(300, 100, 700, 300)),
    ),
    supported=frozenset({4, 12, 25}),
)
TRACE = write_trace("happiness", FOUND, "seed", DEFAULT_JUDGE)


def row(trace=TRACE, detections=FOUND):
    return Row(
        id="a",
        dataset="d",
        split="train",
        image="a.jpg",
        label="happiness",
        label_set="ferplus",
        detections=detections,
        trace=trace,
    )


def test_the_rules_writer_is_gold():
    assert why_not_gold(row(), DEFAULT_JUDGE) is None


@pytest.mark.parametrize(
    ("trace", "fault"),
    [
        (TRACE.model_copy(update={"inspections": TRACE.inspections[:1]}), "grounding 0.667"),
        (TRACE.model_copy(update={"inspections": ()}), "grounding 0.000"),
        (
            TRACE.model_copy(
                update={
                    "inspections": (
                        TRACE.inspections[0].model_copy(update={"box": Box(0, 0, 99, 99)}),
                        TRACE.inspections[1],
                    )
                }
            ),
            "grounding 0.500",
        ),
    ],
)
def test_what_the_detector_did_not_see_is_named(trace, fault):
    assert fault in why_not_gold(row(trace), DEFAULT_JUDGE)


def test_without_detections_only_format_and_answer_apply():
    assert why_not_gold(row(detections=None), DEFAULT_JUDGE) is None


def test_a_row_without_a_trace_cannot_be_judged():
    with pytest.raises(ValueError, match="row 'a' has no trace"):
        why_not_gold(row(trace=None), DEFAULT_JUDGE)
