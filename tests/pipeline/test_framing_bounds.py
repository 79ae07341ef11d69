"""Boxes that a dataset gives, and the size at which faces are looked for, are bounded."""

import numpy as np
import pytest
from PIL import Image

from tag_plugin.data.face_frame import BOX_OUTSIDE, ImageError
from tag_plugin.data.source import Pictures
from tag_plugin.pipeline.face_finder import Face
from tag_plugin.pipeline.framing import Frame, Framer, Framing


@pytest.mark.parametrize(
    "crop",
    [
        (10, 10, 60_010, 60_010),
        (-5_000, -5_000, 5_000, 5_000),
        (300, 300, 400, 400),
        (200, 200, 300, 300),
        (0, 0, 10**12, 10**12),
    ],
)
def test_a_given_box_that_is_mostly_border_is_refused(crop):
    with pytest.raises(ImageError) as refused:
        Framer(Framing(), Pictures.FACES).frame(Image.new("RGB", (224, 224)), crop)
    assert refused.value.reason == BOX_OUTSIDE


@pytest.mark.parametrize("crop", [(0, 0, 224, 224), (-22, -22, 246, 246), (100, 100, 280, 280)])
def test_a_given_box_may_reach_beyond_the_picture(crop):
    frame, info = Framer(Framing(), Pictures.FACES).frame(Image.new("RGB", (224, 224)), crop)
    assert (frame.size, info.how, info.side) == ((448, 448), "given", crop[2] - crop[0])


class LargestOnly:
    """A finder that looks at most at 2048 pixels, and finds one face there."""

    def find(self, picture):
        assert max(picture.shape) == 2048
        return [Face(np.array([[100.0, 50.0], [200.0, 150.0]]), 0.0, 0.0, 0.0)]

    def close(self):
        pass


def test_a_large_picture_is_searched_small_and_its_faces_come_in_its_own_pixels():
    framer = Framer(Framing(frame=Frame.FIND), Pictures.SCENES, LargestOnly)
    _, info = framer.frame(Image.new("RGB", (4096, 3000)), None)
    assert info.side == pytest.approx(2 * 100 * 1.5, abs=2)
