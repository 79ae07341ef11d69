"""Measures of light: each answers to its own fault, and not to the person's skin or the lamp."""

import itertools

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageFilter

from tag_plugin.pipeline.quality.measures import light

FACE = Image.fromarray(skimage.data.astronaut()).crop((145, 45, 305, 205)).resize((448, 448))


def measured(picture):
    return light(np.asarray(picture))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_darker_face_is_as_sharp(share):
    """The bare variance of the Laplacian would fall by share squared: to 9 % at 0.3."""
    darker = FACE.point(lambda value: int(value * share))
    assert measured(darker)["sharpness"] == pytest.approx(measured(FACE)["sharpness"], rel=0.1)
    assert measured(darker)["brightness"] == pytest.approx(
        share * measured(FACE)["brightness"], rel=0.05
    )


def test_softer_light_is_as_sharp():
    softer = FACE.point(lambda value: 90 + value // 3)
    assert measured(softer)["sharpness"] == pytest.approx(measured(FACE)["sharpness"], rel=0.1)


def test_blur_lowers_sharpness_step_by_step():
    blurred = [
        measured(FACE.filter(ImageFilter.GaussianBlur(r)))["sharpness"] for r in (0, 2, 4, 8)
    ]
    assert all(after < before / 2 for before, after in itertools.pairwise(blurred))


def test_a_blank_picture_is_measured_too():
    assert measured(Image.new("RGB", (448, 448), (7, 7, 7))) == {
        "sharpness": 0.0,
        "brightness": 7.0,
        "contrast": 0.0,
    }
