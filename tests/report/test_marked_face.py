from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageColor

from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection
from tag_plugin.report.au_colours import AU_COLOURS
from tag_plugin.report.lettering import LINE_HEIGHT, font, wrapped
from tag_plugin.report.marked_face import (
    NAMES_WIDTH,
    Mark,
    _spread,
    detected_mark,
    marked_face,
)

GREY = Image.new("RGB", (448, 448), (128, 128, 128))
BOX = Box(250, 250, 750, 500)  # pixels 112..336, 112..224


def pixels(marks, **options):
    return np.asarray(marked_face(GREY, marks, **options)).astype(int)


def places_of(au, page):
    return (page == ImageColor.getrgb(AU_COLOURS[au])).all(axis=2)


@pytest.mark.parametrize("au", AU_COLOURS)
def test_an_au_has_its_colour_on_the_face_and_beside_it(au):
    places = places_of(au, pixels([Mark(au, BOX, "name")]))
    assert places[130:200, 112].all()
    assert places[:, 448:].sum() > 50


def test_nothing_is_written_on_the_face():
    short, long = (pixels([Mark(4, BOX, words)]) for words in ("", "W" * 60))
    assert (short[:, :448] == long[:, :448]).all()
    assert (short[:, 448:] != long[:, 448:]).any()


def test_the_longest_name_fits_beside_the_face():
    words = detected_mark(Detection(au=15, probability=0.98, box=BOX, side="right")).words
    assert words == "AU15 lip corner depressor right 0.98"
    assert 30 + font().getlength(words) < NAMES_WIDTH


@pytest.mark.parametrize(("probability", "shown"), [(0.497, "0.49"), (0.5, "0.50"), (1.0, "1.00")])
def test_a_probability_is_never_rounded_up_over_a_threshold(probability, shown):
    assert detected_mark(Detection(au=7, probability=probability, box=BOX)).words.endswith(shown)


def test_equal_boxes_are_drawn_inside_each_other():
    page = pixels([Mark(au, BOX, "") for au in (23, 24, 25)])
    assert all(places_of(au, page)[150:200, :440].sum() > 100 for au in (23, 24, 25))


def test_corners_alone_leave_the_middle_of_a_side_open():
    places = places_of(4, pixels([Mark(4, BOX, "", corners=True)]))
    assert places[113, 112]
    assert not places[168, 112]


@pytest.mark.parametrize("count", [0, 1, 2, 22, 60])
def test_names_stand_apart_and_inside_the_picture(count):
    most = 448 // LINE_HEIGHT - 1
    heights = _spread([440.0] * min(count, most), 448)
    assert all(b - a >= LINE_HEIGHT for a, b in pairwise(heights))
    assert not heights or heights[0] >= LINE_HEIGHT / 2
    page = marked_face(GREY, [Mark(4, BOX, "AU4")] * count, side=448)
    assert page.size == (448 + NAMES_WIDTH, 448)


def test_the_face_is_not_changed_in_place():
    marked_face(GREY, [Mark(4, BOX, "")])
    assert GREY.getcolors() == [(448 * 448, (128, 128, 128))]


@pytest.mark.parametrize("text", ["word " * 90, "W" * 900, "→ ünï ñ Ω Ж", "a\x1b[31m\tb"])
def test_wrapped_text_stays_within_its_room(text):
    assert all(font().getlength(line) <= 300 for line in wrapped(text, 300))
