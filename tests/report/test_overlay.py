import pytest
from PIL import Image

from tag_plugin.facs.boxes import Box
from tag_plugin.report.overlay import (
    PREDICTED_COLOUR,
    REFERENCE_COLOUR,
    contact_sheet,
    overlay,
)
from tag_plugin.scoring.matching import Target

GREY = Image.new("RGB", (448, 448), (128, 128, 128))
BOX = Target(4, Box(250, 250, 750, 500))  # pixels 112..336, 112..224


def colours_along_the_left_edge(picture):
    return {picture.getpixel((112, y)) for y in range(130, 200)}


@pytest.mark.parametrize(
    ("reference", "predicted", "colour"),
    [([BOX], [], REFERENCE_COLOUR), ([], [BOX], PREDICTED_COLOUR)],
)
def test_reference_and_predicted_boxes_have_their_own_colours(reference, predicted, colour):
    page = overlay(GREY, reference, predicted, "title", "text")
    assert colour.as_rgb() in colours_along_the_left_edge(page)


def test_a_long_trace_makes_the_page_longer_and_never_cuts_it():
    short = overlay(GREY, [], [], "title", "text")
    long = overlay(GREY, [], [], "title", "word " * 3_000)
    assert short.size == (1068, 448)
    assert long.height > 3_000


def test_the_face_is_not_changed_in_place():
    overlay(GREY, [BOX], [BOX], "title", "text")
    assert GREY.getpixel((112, 160)) == (128, 128, 128)


def test_a_contact_sheet_has_one_equal_cell_a_picture():
    assert contact_sheet([GREY] * 5, columns=2).size == (896, 1344)
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet([], columns=2)
