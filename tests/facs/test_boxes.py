import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tag_plugin.facs.boxes import (
    FACE_FRAME,
    Box,
    BoxError,
    BoxFrame,
    BoxProblem,
    box_from_values,
    from_frame,
    iou,
    snap,
    to_frame,
)
from tag_plugin.facs.detections import Detection
from tag_plugin.trace.render import render_box
from tests.strategies import boxes

RELATIVE, ABSOLUTE, FRACTION = BoxFrame.RELATIVE, BoxFrame.ABSOLUTE, BoxFrame.FRACTION
Y_FIRST = BoxFrame.RELATIVE_YXYX


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ((0, 0, 1000, 1000), None),
        ((0, 0, 1, 1), None),
        ((10, 0, 10, 5), BoxProblem.REVERSED),  # no width
        ((20, 0, 10, 5), BoxProblem.REVERSED),
        ((-1, 0, 10, 5), BoxProblem.OUT_OF_FRAME),
        ((0, 0, 10, 1001), BoxProblem.OUT_OF_FRAME),
    ],
)
def test_a_box_is_checked_at_construction(values, problem):
    if problem is None:
        assert Box(*values).as_tuple() == values
    else:
        with pytest.raises(BoxError) as error:
            Box(*values)
        assert error.value.problem is problem


@pytest.mark.parametrize(
    ("values", "frame", "expected"),
    [
        ((412, 240, 588, 330), RELATIVE, Box(412, 240, 588, 330)),
        ((0, 0, 448, 448), ABSOLUTE, Box(0, 0, 1000, 1000)),
        ((224, 112, 448, 224), ABSOLUTE, Box(500, 250, 1000, 500)),
        ((1.4, 0.6, 9.5, 9.4), RELATIVE, Box(1, 1, 10, 9)),  # floats are rounded
        ((0.412, 0.24, 0.5884, 0.33), FRACTION, Box(412, 240, 588, 330)),
        ((0, 0, 1, 1), FRACTION, Box(0, 0, 1000, 1000)),
        ((240, 412, 330, 588), Y_FIRST, Box(412, 240, 588, 330)),
        ((112, 224, 224, 448), BoxFrame.ABSOLUTE_YXYX, Box(500, 250, 1000, 500)),
        ((0.24, 0.412, 0.33, 0.588), BoxFrame.FRACTION_YXYX, Box(412, 240, 588, 330)),
        ((412, 240, 588, 330), FRACTION, BoxProblem.OUT_OF_FRAME),
        ((0, 0, 1.001, 0.5), FRACTION, BoxProblem.OUT_OF_FRAME),
        ((0.5, 0, 0.2, 1), FRACTION, BoxProblem.REVERSED),
        ((0.1001, 0, 0.1004, 1), FRACTION, BoxProblem.REVERSED),  # nothing is left after rounding
        ((0, 0, float("nan"), 1), FRACTION, BoxProblem.MALFORMED),
        ((0, 0, 1e300, 1), FRACTION, BoxProblem.MALFORMED),
        ((30, 40, 1, 2), Y_FIRST, BoxProblem.REVERSED),
        ((0, 0, 449, 10), ABSOLUTE, BoxProblem.OUT_OF_FRAME),
        ((0, 0, 10), RELATIVE, BoxProblem.MALFORMED),
        ((0, 0, float("inf"), 1), RELATIVE, BoxProblem.MALFORMED),
        ((0, 0, float("nan"), 1), RELATIVE, BoxProblem.MALFORMED),
        ((0.1, 0, 0.2, 1), RELATIVE, BoxProblem.REVERSED),  # nothing is left after rounding
    ],
)
def test_numbers_are_read_in_the_frame_that_wrote_them(values, frame, expected):
    if isinstance(expected, Box):
        assert from_frame(values, frame) == expected
    else:
        with pytest.raises(BoxError) as error:
            from_frame(values, frame)
        assert error.value.problem is expected


@given(boxes(), st.sampled_from([frame for frame in BoxFrame if frame.x_first is not ABSOLUTE]))
def test_thousandths_and_fractions_keep_every_box(box, frame):
    assert from_frame(to_frame(box, frame), frame) == box


@given(boxes(), st.sampled_from(BoxFrame))
def test_what_is_written_is_read_to_the_resolution_of_the_frame(box, frame):
    written = render_box(box, frame)
    numbers = written.removeprefix("<bbox>[").removesuffix("]</bbox>").split(",")
    assert {len(number.partition(".")[2]) for number in numbers} == {frame.decimals}
    assert from_frame([float(number) for number in numbers], frame) == snap(box, frame)


@given(boxes(), st.sampled_from(BoxFrame))
def test_y_first_swaps_the_numbers_and_nothing_else(box, frame):
    first, second, third, fourth = to_frame(box, frame.x_first)
    swapped = (second, first, fourth, third) if frame.y_first else (first, second, third, fourth)
    assert to_frame(box, frame) == swapped
    assert snap(box, frame) == snap(box, frame.x_first)


@given(boxes())
def test_the_absolute_frame_moves_an_edge_by_less_than_three_thousandths(box):
    found = from_frame(to_frame(box, ABSOLUTE), ABSOLUTE)
    smallest = 1000 / FACE_FRAME
    thin = box.x2 - box.x1 < smallest or box.y2 - box.y1 < smallest
    allowed = 4 if thin else 2
    assert all(abs(a - b) <= allowed for a, b in zip(box.as_tuple(), found.as_tuple(), strict=True))


@given(boxes())
def test_every_pixel_box_survives_the_round_trip_exactly(box):
    pixels = to_frame(box, ABSOLUTE)
    assert to_frame(from_frame(pixels, ABSOLUTE), ABSOLUTE) == pixels


@given(boxes(), st.sampled_from(BoxFrame))
def test_snapping_twice_changes_nothing(box, frame):
    assert snap(snap(box, frame), frame) == snap(box, frame)


@given(boxes(), boxes())
def test_iou_is_symmetric_and_one_only_for_the_same_box(first, second):
    assert iou(first, second) == iou(second, first)
    assert 0 <= iou(first, second) <= 1
    assert (iou(first, second) == 1) == (first == second)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 10), 1.0),
        (Box(0, 0, 10, 10), Box(5, 0, 15, 10), 1 / 3),
        (Box(0, 0, 10, 10), Box(10, 0, 20, 10), 0.0),  # touching is not overlapping
    ],
)
def test_iou_of_known_boxes(first, second, expected):
    assert iou(first, second) == pytest.approx(expected)


NO_NUMBERS = [None, "1", "", True, [1], {}, 1.5, float("nan"), float("inf"), 10**5000, "\u0661", 1j]


@pytest.mark.parametrize(
    "values",
    [
        *(
            [*[1, 2, 30][:place], value, *[1, 2, 30][place:]]
            for value in NO_NUMBERS
            for place in (0, 3)
        ),
        *([1, 2, 3], [], [1, 2, 30, 40, 50], [[1, 2, 30, 40]], {"x1": 1}, {1, 2, 30, 40}),
        *("1234", "[1,2,30,40]", b"\1\2\36\50", range(4), *NO_NUMBERS),
    ],
    ids=lambda values: type(values).__name__,
)
def test_whatever_stands_for_a_stored_box_is_one_error_of_its_row(values):
    with pytest.raises(BoxError, match="malformed"):
        box_from_values(values)
    with pytest.raises(ValidationError, match="is not a box: malformed"):
        Detection(au=4, probability=0.5, box=values)


@pytest.mark.parametrize(
    "values",
    [(1, 2, 30, 40), [1.0, 2, 30.0, 40], Box(1, 2, 30, 40)],
)
def test_four_whole_numbers_are_a_stored_box(values):
    assert box_from_values(values) == Box(1, 2, 30, 40)
