"""The detector's boxes go into the writer's prose, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection
from tag_plugin.pipeline.write.verdict import with_boxes

LEFT, RIGHT = Box(100, 200, 300, 400), Box(500, 200, 700, 400)
PRESENT = (
    Detection(au=4, probability=0.9, box=LEFT),
    Detection(au=12, probability=0.8, box=Box(10, 20, 30, 40)),
    Detection(au=4, probability=0.7, box=RIGHT),
)
LINE = "Inspect brows → AU4 (brow lowerer): the brows are lowered"
BOXED = f"{LINE} → <bbox>[100,200,300,400]</bbox>"


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        (LINE, BOXED),
        (f"{LINE}  ", BOXED),
        (LINE.replace("→", "->"), BOXED.replace("→ AU4", "-> AU4")),
        (f"{LINE} → <bbox>[1,2,3,4]</bbox>", BOXED),  # the writer's own box
        (f"{LINE} -> <bbox>[garbage", BOXED),
        (LINE.replace("AU4", "AU 4"), BOXED.replace("AU4", "AU 4")),
        ("The brows are lowered (AU4).", "The brows are lowered (AU4)."),  # no Inspect line
        (f"- {LINE}", f"- {LINE}"),
        ("Inspect brows closely", "Inspect brows closely"),
    ],
)
def test_a_line_gets_the_box_that_was_found(line, completed):
    assert with_boxes(line, PRESENT)[0] == completed


def test_an_action_unit_found_twice_is_given_both_boxes_and_no_third():
    text, surplus = with_boxes(f"{LINE}\n{LINE}\n{LINE}", PRESENT)
    assert text.splitlines() == [BOXED, f"{LINE} → <bbox>[500,200,700,400]</bbox>", LINE]
    assert surplus == (4,)


def test_what_was_not_found_gets_no_box_and_is_named():
    text, surplus = with_boxes("Inspect nose → AU9 (nose wrinkler): wrinkles", PRESENT)
    assert "bbox" not in text
    assert surplus == (9,)


@given(st.text(max_size=100))
def test_any_text_comes_through(text):
    with_boxes(text, PRESENT)
