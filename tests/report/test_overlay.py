import pytest
from PIL import Image, ImageColor

from tag_plugin.facs.boxes import Box
from tag_plugin.report.au_colours import AU_COLOURS
from tag_plugin.report.contact_sheet import grid
from tag_plugin.report.overlay import overlay
from tag_plugin.scoring.matching import Target

GREY = Image.new("RGB", (448, 448), (128, 128, 128))
BOX = Target(4, Box(250, 250, 750, 500))  # pixels 112..336, 112..224


def au4(page, y):
    """Whether the left edge of the box is drawn at this height."""
    return page.getpixel((112, y)) == ImageColor.getrgb(AU_COLOURS[4])


def test_predicted_boxes_are_whole_and_of_reference_boxes_only_the_corners():
    reference, predicted = (
        overlay(GREY, *boxes, "title", "text") for boxes in (([BOX], []), ([], [BOX]))
    )
    assert (au4(reference, 114), au4(reference, 168)) == (True, False)
    assert (au4(predicted, 114), au4(predicted, 168)) == (True, True)


def test_a_long_trace_makes_the_page_longer_and_never_cuts_it():
    short = overlay(GREY, [], [], "title", "text")
    long = overlay(GREY, [], [], "title", "word " * 3_000)
    assert short.height == 448
    assert (long.width, long.height > 3_000) == (short.width, True)


def test_a_grid_has_equal_columns():
    assert grid([GREY] * 5, columns=2).size == (896, 1344)
    with pytest.raises(ValueError, match="at least one picture"):
        grid([], columns=2)
