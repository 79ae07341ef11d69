"""Curves as SVG."""

import math
from xml.etree import ElementTree

import pytest

from tag_plugin.report.charts import (
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    Curve,
    LineChart,
    Scale,
    nice_ticks,
    smoothed,
)
from tag_plugin.report.html.document import TEMPLATES

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart):
    text = str(TEMPLATES.get_template("charts.html.j2").module.lines(chart)).strip()
    text = text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return ElementTree.fromstring(text)  # noqa: S314  # our own picture


def test_a_curve_spans_the_axis_and_meets_its_values():
    chart = LineChart("t", [Curve("a", [1, 2, 3], [0.0, 0.5, 1.0])], (0.0, 1.0))
    (line,) = drawn(chart).iter(f"{SVG}polyline")
    places = [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert [x for x, _ in places] == pytest.approx([LEFT, middle, WIDTH - RIGHT])
    low, middle, high = (y for _, y in places)
    assert HEIGHT > low > middle > high > 0
    assert middle == pytest.approx((low + high) / 2, abs=0.02)


@pytest.mark.parametrize(
    "curve",
    [
        Curve("one", [5], [0.3]),
        Curve("flat", [1, 2], [0.5, 0.5]),
        Curve("gaps", [1, 2, 3], [math.nan, 0.5, math.nan]),
        Curve("none", [], []),
        Curve("huge", [1, 2], [1e30, -1e30]),
        Curve("<b>&\"'", [1, 2], [0, 1]),
    ],
)
def test_any_curve_is_well_formed_svg_within_the_picture(curve):
    chart = LineChart('<title> & "more"', [curve])
    for line in drawn(chart).iter(f"{SVG}polyline"):
        for pair in line.get("points").split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
    assert chart.rows() is not None


def test_long_curves_are_thinned_and_smoothed_over_the_measured_one():
    chart = LineChart("t", [Curve("a", list(range(10_000)), [float(n % 2) for n in range(10_000)])])
    raw, smooth = drawn(chart).iter(f"{SVG}polyline")
    assert len(raw.get("points").split()) == len(smooth.get("points").split()) == 400
    assert len(chart.rows()) <= 61
    assert chart.rows()[-1][0] == "9 999"


def test_smoothing_keeps_a_constant_and_starts_without_bias():
    assert smoothed([2.0] * 5, 0.9) == pytest.approx([2.0] * 5)
    assert smoothed([1.0, 3.0], 0.5) == pytest.approx([1.0, 7 / 3])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (3, 3, [2.4, 2.6, 2.8, 3, 3.2, 3.4, 3.6]),
        (-0.011, 0.013, [-0.015, -0.01, -0.005, 0, 0.005, 0.01, 0.015]),
    ],
)
def test_ticks_are_round_and_enclose_the_values(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)


def test_a_scale_maps_its_ends():
    scale = Scale(0, 10, 100, 0)
    assert (scale(0), scale(10), scale(5)) == (100, 0, 50)
