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


def tiff_in_tiles(side):
    """A 16x16 TIFF that says that it lies in one tile of `side` pixels."""
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 8, 325: 9}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 24) + bytes(16) + directory


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
    "tight.png": (lambda path: Image.new("1", (8_000, 8_000)).save(path), reasons.TOO_LARGE),
    "tile.tiff": (lambda path: path.write_bytes(tiff_in_tiles(60_000)), reasons.TOO_LARGE),
    "lab.tiff": (lambda path: Image.new("LAB", (50, 50)).save(path), reasons.COLOURS),
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


CORNERS = {1: "ABCD", 2: "BADC", 3: "DCBA", 4: "CDAB", 5: "ACBD", 6: "BDAC", 7: "DBCA", 8: "CADB"}
"""EXIF's orientation -> the corners of the stored picture, row by row, of one that reads ABCD."""
SHADES = {"A": 0, "B": 80, "C": 160, "D": 240}


def stored_picture(orientation):
    """A picture of four shades that reads ABCD once it is turned as `orientation` says."""
    shades = [SHADES[corner] for corner in CORNERS[orientation]]
    picture = Image.fromarray(np.array(shades, dtype=np.uint8).reshape(2, 2))
    picture = picture.resize((64, 64), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture.convert("RGB"), exif


def corners(picture):
    return [picture.convert("L").getpixel(place) for place in ((9, 9), (55, 9), (9, 55), (55, 55))]


def multi_picture(path, orientation=1):
    """A phone's JPEG: a second picture behind the first, and an index of both."""
    first, exif = stored_picture(orientation)
    first.save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 32))], exif=exif)


@pytest.mark.parametrize("orientation", CORNERS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "mpo"])
def test_a_picture_comes_upright_whatever_its_exif_says(tmp_path, suffix, orientation):
    picture, exif = stored_picture(orientation)
    path = tmp_path / f"a.{suffix}"
    if suffix == "mpo":
        multi_picture(path, orientation)
    else:
        picture.save(path, exif=exif)
    assert corners(open_picture(path)) == pytest.approx(list(SHADES.values()), abs=6)


def test_a_gain_map_behind_a_picture_is_passed_over(tmp_path):
    multi_picture(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    about = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm="h" hdrgm:Version="1.0"/>'
    segment = b"\xff\xe1" + struct.pack(">H", len(about) + 2) + about
    (tmp_path / "a.jpg").write_bytes(content[:2] + segment + content[2:])
    assert open_picture(tmp_path / "a.jpg").size == (64, 64)


BROKEN_INDEX = {
    "no entries": lambda content, place: content[:place] + bytes(40) + content[place + 40 :],
    "garbage": lambda content, place: content[:place] + b"\xff" * 60 + content[place + 60 :],
}


@pytest.mark.parametrize("damage", BROKEN_INDEX)
@pytest.mark.filterwarnings("error")
def test_a_broken_index_of_several_pictures_costs_nothing(tmp_path, damage):
    multi_picture(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    place = content.index(b"MPF\0") + 4
    (tmp_path / "a.jpg").write_bytes(BROKEN_INDEX[damage](content, place))
    assert open_picture(tmp_path / "a.jpg").size == (64, 64)


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0garbage that is no TIFF",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\xff\xff\xff\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0\0\0\0\0",
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow on corrupt EXIF
def test_a_picture_with_broken_exif_is_taken_as_it_lies(tmp_path, exif):
    picture, _ = stored_picture(1)
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert corners(open_picture(tmp_path / "a.jpg")) == pytest.approx([0, 80, 160, 240], abs=6)


def test_a_small_file_never_takes_much_memory(tmp_path):
    """Everything that is below a megabyte and decoded: at most FREE_PIXELS of four bytes."""
    Image.new("1", (4_000, 4_000)).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 1_000_000
    assert open_picture(tmp_path / "a.png").size == (4_000, 4_000)
    assert reasons.FREE_PIXELS * 4 < 100_000_000
    assert reasons.PIXELS_A_BYTE * 1_000_000 <= reasons.FREE_PIXELS
