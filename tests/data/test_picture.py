"""Pictures that cannot be used are refused with a reason; nothing outside the dataset is read."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from tag_plugin.data import picture as reasons
from tag_plugin.data.picture import ImageError, check_name, open_picture

NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)


def png_that_claims(width, height):
    """A valid PNG header of a size whose pixels nobody could hold; a few bytes of data."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def animation(path):
    frames = [
        Image.fromarray(np.full((20, 20, 3), shade, dtype=np.uint8)) for shade in (0, 120, 250)
    ]
    frames[0].save(path, save_all=True, append_images=frames[1:])


BAD = {
    "empty.jpg": (lambda path: path.touch(), reasons.EMPTY),
    "text.png": (lambda path: path.write_text("<html>"), reasons.UNREADABLE),
    "huge.png": (lambda path: path.write_bytes(png_that_claims(30_000, 30_000)), reasons.TOO_LARGE),
    "large.png": (lambda path: path.write_bytes(png_that_claims(9_000, 9_000)), reasons.TOO_LARGE),
    "cmyk.jpg": (lambda path: Image.new("CMYK", (50, 50)).save(path), reasons.CMYK),
    "deep.png": (lambda path: Image.new("I;16", (50, 50), 900).save(path), reasons.DEEP),
    "float.tiff": (lambda path: Image.new("F", (50, 50), 0.5).save(path), reasons.DEEP),
    "moving.gif": (animation, reasons.ANIMATED),
    "moving.webp": (animation, reasons.ANIMATED),
    "pages.tiff": (animation, reasons.ANIMATED),
    "folder.jpg": (lambda path: path.mkdir(), reasons.NOT_A_FILE),
    "pipe.jpg": (os.mkfifo, reasons.NOT_A_FILE),
    "script.png": (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"), reasons.UNREADABLE),
    "two\nlines.png": (lambda path: Image.fromarray(NOISE).save(path), reasons.BAD_NAME),
    "esc\x1b[2J.png": (lambda path: Image.fromarray(NOISE).save(path), reasons.BAD_NAME),
    "gone.png": (lambda path: None, reasons.UNREADABLE),
    "loop.png": (lambda path: path.symlink_to(path), reasons.UNREADABLE),
}
"""File name -> how to make it, and the reason for refusing it."""


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_refused_with_its_reason(tmp_path, name):
    make, reason = BAD[name]
    make(tmp_path / name)
    with pytest.raises(ImageError) as refused:
        open_picture(tmp_path / name, tmp_path)
    assert refused.value.reason == reason
    assert "\n" not in str(refused.value)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow on broken TIFF tags
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "tiff"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_a_picture_cut_short_is_refused(tmp_path, suffix, share):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(NOISE).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: max(1, int(len(content) * share))])
    with pytest.raises(ImageError, match=rf"a\.{suffix}"):
        open_picture(path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow on broken TIFF tags
def test_any_bytes_at_all_are_a_picture_or_refused(tmp_path):
    """Every kind of header with garbage after it: never another exception."""
    random = np.random.default_rng(1)
    path = tmp_path / "a.png"
    for suffix in ("png", "jpg", "gif", "webp", "bmp", "tiff", "ppm"):
        Image.fromarray(NOISE).save(tmp_path / f"whole.{suffix}")
        whole = bytearray((tmp_path / f"whole.{suffix}").read_bytes())
        for _ in range(60):
            broken = bytearray(whole)
            for place in random.integers(0, len(broken), 12):
                broken[place] = random.integers(0, 256)
            path.write_bytes(broken)
            try:
                assert open_picture(path).width > 0
            except ImageError as error:
                assert error.reason


def test_a_link_out_of_the_dataset_is_not_followed(tmp_path):
    (tmp_path / "root").mkdir()
    Image.fromarray(NOISE).save(tmp_path / "secret.png")
    (tmp_path / "root" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "root" / "away").symlink_to(tmp_path)
    for path in ("link.png", "away/secret.png", "../secret.png"):
        with pytest.raises(ImageError) as refused:
            open_picture(tmp_path / "root" / path, tmp_path / "root")
        assert refused.value.reason == reasons.OUTSIDE


def test_links_inside_the_dataset_and_a_linked_root_are_fine(tmp_path):
    (tmp_path / "root" / "real").mkdir(parents=True)
    Image.fromarray(NOISE).save(tmp_path / "root" / "real" / "a.png")
    (tmp_path / "root" / "b.png").symlink_to("real/a.png")
    (tmp_path / "link").symlink_to(tmp_path / "root")
    assert open_picture(tmp_path / "link" / "b.png", tmp_path / "link").size == (64, 64)


def test_a_sixteen_bit_colour_picture_keeps_its_brightness(tmp_path):
    """Pillow reads the upper byte of each channel: nothing is clipped."""
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((8, 8, 3), 40_000, dtype=np.uint16))
    assert open_picture(tmp_path / "a.png").getpixel((0, 0)) == (156, 156, 156)


def test_names_in_other_scripts_are_fine():
    check_name("お父さん été.jpg")


def test_a_picture_cut_short_is_refused_whatever_a_host_told_pillow(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = tmp_path / "whole.jpg"
    Image.effect_noise((200, 200), 90).save(whole)
    path = tmp_path / "short.jpg"
    path.write_bytes(whole.read_bytes()[:-3000])
    with pytest.raises(ImageError, match="truncated"):
        open_picture(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES  # the host keeps its own setting
