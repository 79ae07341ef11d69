"""There is one way to open a picture: hostile files are one line, or a dropped row, everywhere."""

import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image

import tag_plugin
from tag_plugin.data.face_frame import ImageError, face_file, open_face, read_face
from tag_plugin.hosts.lmms_eval.documents import doc_to_visual
from tag_plugin.pipeline.validate import ValidateSettings, validate
from tag_plugin.report.contact_sheet import TILE, open_tile
from tag_plugin.report.gallery.thumbnails import thumbnails
from tests.data.test_picture import png_that_claims

PACKAGE = Path(tag_plugin.__file__).parent
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 448 448\n%%EndComments\nshowpage\n"


def cut_short(path):
    Image.effect_noise((448, 448), 90).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:-4_000])


HOSTILE = {
    "PostScript": lambda path: path.write_bytes(POSTSCRIPT),
    "a bomb": lambda path: path.write_bytes(png_that_claims(30_000, 30_000)),
    "half a bomb": lambda path: path.write_bytes(png_that_claims(11_000, 11_000)),
    "cut short": cut_short,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "empty": Path.touch,
    "text": lambda path: path.write_text("<html>"),
    "gone": lambda path: None,
}


@pytest.fixture(params=HOSTILE)
def hostile(request, tmp_path, monkeypatch):
    """A file that must not be decoded, and no other program to be found."""
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_: pytest.fail("Ghostscript"))
    HOSTILE[request.param](tmp_path / "face.jpg")
    return tmp_path / "face.jpg"


READERS = {
    "read_face": read_face,
    "face_file": face_file,
    "open_face": open_face,
    "an evaluation": lambda path: doc_to_visual({"image": str(path)}),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("reader", READERS)
def test_a_hostile_file_is_one_line_that_names_it(hostile, reader):
    with pytest.raises(ImageError) as refused:
        READERS[reader](hostile)
    assert "face.jpg" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_report_goes_on_without_it(hostile):
    assert list(thumbnails([hostile], 112)) == [None]
    assert open_tile(hostile).size == (TILE, TILE)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_validate_names_the_row(hostile, tmp_path):
    dataset = tmp_path / "mine"
    (dataset / "prepared").mkdir(parents=True)
    hostile.rename(dataset / "face.jpg") if os.path.lexists(hostile) else None
    row = {"id": "a", "dataset": "mine", "split": "train", "image": "face.jpg"}
    row |= {"label": "happiness", "label_set": "basic7"}
    (dataset / "prepared" / "train.jsonl").write_text(json.dumps(row) + "\n")
    report = validate(ValidateSettings(dataset, pixels=True))
    assert report.errors == {"image": 1}
    assert "face.jpg" in report.named[0]


def test_nothing_else_in_the_package_opens_a_picture():
    opening = re.compile(r"Image\.open\(|imread\(|imdecode\(|PIL\.open|skimage\.io|imageio")
    places = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if opening.search(path.read_text(encoding="utf-8"))
    }
    assert places == {"data/picture.py"}
