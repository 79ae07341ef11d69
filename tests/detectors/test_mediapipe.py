"""The MediaPipe detector on two public-domain photographs."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from tag_plugin.detectors.blendshapes import SUPPORTED
from tag_plugin.detectors.heads import READING, load_heads
from tag_plugin.detectors.registry import detector
from tag_plugin.facs.boxes import FACE_FRAME, Box, iou
from tag_plugin.facs.detections import Thresholds

pytest.importorskip("mediapipe")


def frame(image, top, left, side):
    crop = image[top : top + side, left : left + side]
    return cv2.resize(crop, (FACE_FRAME, FACE_FRAME), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def astronaut():
    data = pytest.importorskip("skimage.data")
    return frame(data.astronaut(), 20, 130, 190)


@pytest.fixture(scope="module")
def admiral():
    cbook = pytest.importorskip("matplotlib.cbook")
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR_RGB)
    return frame(image, 60, 110, 320)


@pytest.fixture(scope="module")
def mediapipe():
    with detector("mediapipe") as opened:
        yield opened


@pytest.fixture(scope="module", params=["astronaut", "admiral"])
def found(request, mediapipe):
    return mediapipe.detect(request.getfixturevalue(request.param))


def test_a_face_is_found_with_every_supported_au(found):
    assert found is not None
    assert {each.au for each in found.detections} == found.supported == set(load_heads()[0].heads)


def test_boxes_lie_where_the_face_has_them(found):
    box = {each.au: each.box for each in found.detections}
    above_each_other = [1, 5, 10, 25]  # brows, upper lids, upper lip, lips
    middles = [box[au].y1 + box[au].y2 for au in above_each_other]
    assert middles == sorted(middles)
    assert box[1].y2 < box[25].y1  # the brows end above the mouth
    assert box[25].y2 < box[26].y2  # the jaw reaches below the lips
    assert box[12].x1 < box[25].x1 < box[25].x2 < box[12].x2  # the lips between the cheeks


def test_a_smile_is_an_au12_with_parted_lips(mediapipe, astronaut):
    on = {each.au for each in mediapipe.detect(astronaut).on(Thresholds())}
    assert {12, 25} <= on
    assert on.isdisjoint({1, 4, 5, 9, 15, 26})


def test_the_same_image_gives_the_same_answer_whatever_came_before(mediapipe, astronaut, admiral):
    first = mediapipe.detect(astronaut)
    mediapipe.detect(admiral)
    assert mediapipe.detect(astronaut) == first


def test_moving_the_picture_moves_the_boxes(mediapipe, astronaut):
    shift = 40
    moved = np.roll(astronaut, shift, axis=1)
    moved[:, :shift] = astronaut[:, :1]
    before, after = (
        {each.au: each.box for each in mediapipe.detect(image).detections}
        for image in (astronaut, moved)
    )
    expected = shift / FACE_FRAME * 1000
    assert after[25].x1 - before[25].x1 == pytest.approx(expected, abs=20)
    assert after[25].y1 == pytest.approx(before[25].y1, abs=15)


@pytest.mark.parametrize("value", [0, 127, 255])
def test_no_face_is_none(mediapipe, value):
    assert mediapipe.detect(np.full((FACE_FRAME, FACE_FRAME, 3), value, np.uint8)) is None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((100, 100, 3), np.uint8),  # not the face frame
        np.zeros((FACE_FRAME, FACE_FRAME), np.uint8),  # grey
        np.zeros((FACE_FRAME, FACE_FRAME, 3), np.float32),
    ],
)
def test_anything_but_a_face_frame_is_refused(mediapipe, image):
    with pytest.raises(ValueError, match=r"expected a \(448, 448, 3\) uint8 image"):
        mediapipe.detect(image)


def test_the_info_pins_the_model(mediapipe):
    assert mediapipe.info.name == "mediapipe"
    assert mediapipe.info.model_sha256.startswith("64184e22")
    assert mediapipe.info.version.endswith(f"+heads{READING}-{load_heads()[1]}")
    with detector("mediapipe", heads="none") as blendshapes_alone:
        assert "+map" in blendshapes_alone.info.version
        assert blendshapes_alone.supported == SUPPORTED


def test_boxes_of_a_mirrored_picture_are_the_mirrored_boxes(mediapipe, astronaut, admiral):
    overlaps = []
    for image in (astronaut, admiral):
        flipped = {each.au: each.box for each in mediapipe.detect(image[:, ::-1]).detections}
        for each in mediapipe.detect(image).detections:
            x1, y1, x2, y2 = each.box.as_tuple()
            overlaps.append(iou(Box(1000 - x2, y1, 1000 - x1, y2), flipped[each.au]))
    assert np.mean(overlaps) >= 0.85
    assert min(overlaps) >= 0.6


def test_opening_and_closing_is_silent():
    code = (
        "import numpy as np\n"
        "from tag_plugin.detectors.registry import detector\n"
        "with detector('mediapipe') as opened:\n"
        "    opened.detect(np.zeros((448, 448, 3), np.uint8))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == ""
