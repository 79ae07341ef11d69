"""The 448 face frame: made from any picture, written once, read back."""

import numpy as np
import pytest
from PIL import Image

from tag_plugin.data.face_frame import (
    ImageError,
    face_file,
    face_frame,
    read_face,
    write_face,
)
from tag_plugin.data.picture import open_picture

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
    face = face_frame(open_picture(saved(tmp_path / "a.png", Image.new(mode, size, colour))))
    assert (face.size, face.mode) == ((448, 448), "RGB")
    assert len(set(face.getdata())) == 1  # one colour in, the same colour everywhere


def test_a_wide_picture_is_padded_not_stretched(tmp_path):
    picture = Image.new("L", (96, 48), 100)
    picture.paste(200, (40, 16, 56, 32))  # a square in the middle
    face = np.array(face_frame(open_picture(saved(tmp_path / "a.png", picture))))[:, :, 0]
    rows, columns = np.nonzero(face > 160)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)


def test_a_crop_is_what_fills_the_frame(tmp_path):
    picture = Image.new("RGB", (100, 100))
    picture.paste(RED, (20, 20, 60, 60))
    face = np.array(face_frame(open_picture(saved(tmp_path / "a.png", picture)), (25, 25, 55, 55)))
    assert (face == RED).all()


@pytest.mark.parametrize(
    ("size", "crop"),
    [
        ((20_000, 4), None),
        ((4, 20_000), None),
        ((5_000, 3_000), None),
        ((60, 60), (-30_000, -30_000, 30_000, 30_000)),
        ((60, 60), (0, 0, 10**9, 10**9)),
        ((60, 60), (-(10**12), 10, 10**12, 20)),
    ],
)
def test_no_shape_and_no_crop_takes_much_memory(size, crop):
    """What would be a square of up to 10^18 pixels is made small first."""
    face = face_frame(Image.new("RGB", size, RED), crop)
    assert face.size == (448, 448)
    assert face.getcolors() == [(448 * 448, RED)]


@pytest.mark.parametrize("size", [(448, 448), (6_000, 3_000)])
def test_the_border_is_as_wide_whatever_the_size(size):
    picture = Image.new("RGB", size, RED)
    crop = (-size[0], -size[1], 2 * size[0], 2 * size[1])
    picture.paste((0, 0, 250), (0, 0, size[0] // 2, size[1]))
    blue = np.array(face_frame(picture, crop))[:, :, 2]
    assert np.flatnonzero(blue[224] > 200)[[0, -1]] == pytest.approx([149, 223], abs=2)


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
    face = np.array(face_frame(open_picture(saved(tmp_path / "a.jpg", picture, exif=exif))))
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
        face_frame(open_picture(path))


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_cut_short_is_named(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ImageError, match=rf"a\.{suffix}"):
        face_frame(open_picture(path))


def test_another_size_is_no_face_frame(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGB", (100, 100)))
    with pytest.raises(ImageError, match=r"100x100 RGB, not a 448x448 .*tag-plugin prepare"):
        read_face(path)


def test_a_frame_is_handed_on_as_it_lies_on_disk_once_it_decodes(tmp_path):
    write_face(tmp_path / "a.jpg", Image.effect_noise((448, 448), 90).convert("RGB"))
    content = (tmp_path / "a.jpg").read_bytes()
    assert face_file(tmp_path / "a.jpg") == content
    (tmp_path / "a.jpg").write_bytes(content[:-5_000])
    with pytest.raises(ImageError, match=r"a\.jpg: .*truncated"):
        face_file(tmp_path / "a.jpg")
