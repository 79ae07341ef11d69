"""The 448 face frame: made from any picture, written once, read back."""

import numpy as np
import pytest
from PIL import Image

from tag_plugin.data.face_frame import ImageError, load_face, read_face, write_face

GREY, RED = 90, (200, 30, 30)


def saved(path, picture, **options):
    picture.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "size", "colour"),
    [
        ("L", (48, 48), GREY),
        ("RGB", (100, 100), RED),
        ("RGB", (900, 900), RED),
        ("P", (48, 48), 0),
        ("RGBA", (64, 64), (*RED, 255)),
        ("RGB", (60, 100), RED),
        ("L", (100, 30), GREY),
    ],
)
def test_every_picture_becomes_a_448_rgb_frame(tmp_path, mode, size, colour):
    face = load_face(saved(tmp_path / "a.png", Image.new(mode, size, colour)))
    assert (face.size, face.mode) == ((448, 448), "RGB")
    assert len(set(face.getdata())) == 1  # one colour in, the same colour everywhere


def test_a_wide_picture_is_padded_not_stretched(tmp_path):
    picture = Image.new("L", (96, 48), 100)
    picture.paste(200, (40, 16, 56, 32))  # a square in the middle
    face = np.array(load_face(saved(tmp_path / "a.png", picture)))[:, :, 0]
    rows, columns = np.nonzero(face > 160)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)


def test_a_crop_is_what_fills_the_frame(tmp_path):
    picture = Image.new("RGB", (100, 100))
    picture.paste(RED, (20, 20, 60, 60))
    face = np.array(load_face(saved(tmp_path / "a.png", picture), (25, 25, 55, 55)))
    assert (face == RED).all()


def test_a_frame_survives_the_disk(tmp_path):
    path = tmp_path / "images" / "train" / "a.jpg"
    gradient = np.linspace(0, 255, 448, dtype=np.uint8)
    picture = np.stack([np.tile(gradient, (448, 1))] * 3, axis=-1)
    write_face(path, Image.fromarray(picture))
    assert np.abs(read_face(path).astype(int) - picture).max() <= 3
    assert [file.name for file in path.parent.iterdir()] == ["a.jpg"]
    with Image.open(path) as stored:
        assert [component[1:3] for component in stored.layer] == [(1, 1)] * 3  # 4:4:4


def test_a_photograph_lying_on_its_side_is_turned(tmp_path):
    picture = Image.new("L", (40, 40), 0)
    picture.paste(255, (0, 0, 40, 10))  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # shown rotated by 90 degrees clockwise: bright at the right
    face = np.array(load_face(saved(tmp_path / "a.jpg", picture, exif=exif)))
    assert face[224, 440, 0] > 200
    assert face[8, 100, 0] < 50


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "no such file"), (b"", "cannot identify"), (b"<html>", "cannot")]
)
def test_what_is_no_picture_is_named(tmp_path, content, reason):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"a\.png: .*{reason}"):
        load_face(path)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_cut_short_is_named(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ImageError, match=rf"a\.{suffix}"):
        load_face(path)


def test_another_size_is_no_face_frame(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGB", (100, 100)))
    with pytest.raises(ImageError, match=r"100x100, not the 448x448 .*tag-plugin prepare"):
        read_face(path)
