from itertools import combinations

import numpy as np
import pytest
from PIL import ImageColor
from skimage.color import deltaE_ciede2000, rgb2lab

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.report.au_colours import AU_COLOURS, UNKNOWN_AU_COLOUR

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", 2009: severity 1, on linear RGB.
VISIONS = {
    "usual": np.eye(3),
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}
OFTEN_TOGETHER = [(1, 2), (1, 4), (2, 5), (4, 7), (6, 12), (12, 25), (9, 10), (23, 24), (25, 26)]


def as_seen(vision):
    """AU -> its colour in CIELAB, as somebody with this vision sees it."""
    rgb = np.array([ImageColor.getrgb(colour) for colour in AU_COLOURS.values()]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = (linear @ np.transpose(VISIONS[vision])).clip(0, 1)
    seen = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return dict(zip(AU_COLOURS, rgb2lab(seen), strict=True))


@pytest.mark.parametrize(
    ("vision", "least"), [("usual", 14), ("deuteranopia", 10.5), ("protanopia", 10.5)]
)
def test_no_two_aus_look_alike_to_anybody(vision, least):
    lab = as_seen(vision)
    distances = {pair: deltaE_ciede2000(*map(lab.get, pair)) for pair in combinations(lab, 2)}
    assert min(distances.values()) > least  # CIEDE2000: 1 is just seen, 10 at a glance
    assert min(distances[pair] for pair in OFTEN_TOGETHER) > 2 * least


def test_every_au_has_a_colour_and_keeps_it():
    assert list(AU_COLOURS) == list(ACTION_UNITS)
    assert UNKNOWN_AU_COLOUR not in AU_COLOURS.values()
    assert (AU_COLOURS[1], AU_COLOURS[12], AU_COLOURS[25]) == ("#034e01", "#0038ff", "#887006")
