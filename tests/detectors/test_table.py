"""Rows from the tables of OpenFace, LibreFace and py-feat; wrong tables are refused by name."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from tag_plugin.data.face_frame import write_face
from tag_plugin.data.rows import Row, read_rows, write_rows
from tag_plugin.detectors.base import DetectorError, NoDetectionsError
from tag_plugin.detectors.landmarks68 import landmark_boxes
from tag_plugin.detectors.registry import detector
from tag_plugin.pipeline.detect import NOT_CACHED, DetectSettings, detect
from tests.detectors.face68 import face68
from tests.detectors.tables import (
    PYFEAT,
    csv,
    feature_extraction,
    landmark_img,
    libreface,
    pyfeat,
)

KNOWN = {1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26}


def row(row_id, image=None):
    return Row(
        id=row_id,
        dataset="d",
        split="train",
        image=image or f"images/train/{row_id}.jpg",
        label="happiness",
        label_set="ferplus",
    )


def never_read():
    raise AssertionError("a table's own landmarks need no pixels")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def ask(path, row_id="a", **options):
    with detector("table", file=path, **options) as table:
        return table.detect_row(row(row_id), never_read)


def probabilities(face):
    return {each.au: each.probability for each in face.detections}


# --- what the three tools write becomes rows --------------------------------------------------


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("line", [landmark_img(), feature_extraction()], ids=["Img", "Extraction"])
def test_openface_intensities_become_probabilities_with_boxes_of_its_landmarks(
    tmp_path, line, blank
):
    face = ask(write(tmp_path / "a.csv", csv([line], blank)))
    assert face.supported == KNOWN
    assert probabilities(face) == dict.fromkeys(KNOWN, 0.0) | {12: 0.625, 4: 0.2}
    expected = landmark_boxes(face68() / 448)
    assert {each.au: each.box for each in face.detections} == {au: expected[au] for au in KNOWN}


def test_py_feats_probabilities_are_taken_as_they_are(tmp_path):
    lines = [pyfeat(f"/somewhere/images/train/{name}.jpg") for name in "ab"]
    face = ask(write(tmp_path / "fex.csv", csv(lines)), "b")
    assert face.supported == {au for au in PYFEAT if au not in (28, 43)}
    assert probabilities(face) == dict.fromkeys(face.supported, 0.02) | {12: 0.964, 4: 0.3}


def test_libreface_has_an_intensity_or_a_yes_and_a_mesh_in_shares(tmp_path):
    mesh = np.random.default_rng(0).uniform(0.2, 0.8, (478, 2))
    face = ask(write(tmp_path / "a.csv", csv([libreface(mesh)])))
    assert face.supported == KNOWN | {24}
    assert probabilities(face) == dict.fromkeys(face.supported, 0.0) | {12: 0.625, 7: 0.75, 4: 0.2}


def test_openface_without_intensities_says_yes_or_no(tmp_path):
    line = {key: value for key, value in landmark_img().items() if not key.endswith("_r")}
    assert probabilities(ask(write(tmp_path / "a.csv", csv([line]))))[12] == 0.75


def test_the_tool_the_mapping_and_the_files_are_recorded(tmp_path):
    path = write(tmp_path / "tables" / "a.csv", csv([landmark_img()]))
    info = detector("table", file=path).info
    assert (info.name, info.version) == ("table", "openface+map1")
    assert info.model_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    write(tmp_path / "tables" / "b.csv", csv([libreface()]))
    both = detector("table", file=tmp_path / "tables").info
    assert both.version == "libreface-openface+map1"
    assert both.model_sha256 != info.model_sha256


def test_a_mesh_gives_the_boxes_where_the_table_has_no_landmarks(tmp_path):
    pytest.importorskip("mediapipe")
    import skimage.data

    picture = np.ascontiguousarray(skimage.data.astronaut()[:448, :448])
    line = {key: value for key, value in landmark_img().items() if key[:2] not in ("x_", "y_")}
    path = write(tmp_path / "a.csv", csv([line]))
    with pytest.raises(DetectorError, match=r"a\.csv: no landmarks; next: --option boxes=mesh"):
        detector("table", file=path)
    with detector("table", file=path, boxes="mesh") as table:
        face = table.detect_row(row("a"), lambda: picture)
        assert probabilities(face) == dict.fromkeys(KNOWN, 0.0) | {12: 0.625, 4: 0.2}
        boxes = {each.au: each.box for each in face.detections}
        assert boxes[1].y2 < boxes[12].y1
        assert table.detect_row(row("a"), lambda: np.zeros_like(picture)) is None
        assert table.info.version.startswith("openface+map1+mediapipe-")


def test_detect_writes_rows_and_counts_what_the_table_lacks(tmp_path):
    directory = tmp_path / "d"
    rows = [row(name) for name in ("smile", "lost", "missing", "broken")]
    write_rows(directory / "prepared" / "train.jsonl", rows)
    for each in rows:
        write_face(directory / each.image, Image.new("RGB", (448, 448)))
    table = csv(
        [
            pyfeat("smile.jpg"),
            pyfeat("lost.jpg", 1, FaceScore=0.1),
            pyfeat("broken.jpg", 2, AU12="nan"),
        ]
    )
    file = str(write(tmp_path / "fex.csv", table))
    manifest = detect(DetectSettings(directory, "table", {"file": file}))
    assert manifest.splits["train"]["counts"] == {"face": 1, "no face": 1}
    assert manifest.splits["train"]["dropped"][NOT_CACHED]["count"] == 2
    named = json.dumps(manifest.splits["train"]["dropped"])
    assert "fex.csv:4: column AU12: 'nan' is no number from 0 to 1" in named
    assert "no line for the picture 'images/train/missing.jpg'" in named
    written = {each.id: each for each in read_rows(directory / "detected" / "train.jsonl")}
    assert probabilities(written["smile"].detections)[12] == 0.964
    assert written["smile"].detector.name == "table"
    assert written["lost"].detections is None


# --- which line is whose ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "options"),
    [
        ("a", {}),
        ("a.png", {}),
        (r"C:\faces\images\train\a.jpg", {}),
        ("/data/d/images/train/a.jpg", {}),
        ("a.jpg", {"column": "name"}),
    ],
)
def test_a_line_is_found_by_its_pictures_name(tmp_path, named, options):
    lines = [pyfeat(named, AU12=0.7), pyfeat("other.jpg", 1)]
    if options:
        lines = [{**line, "input": "camera", "name": line["input"]} for line in lines]
    assert probabilities(ask(write(tmp_path / "t.csv", csv(lines)), **options))[12] == 0.7


def test_a_folder_holds_a_table_a_picture_and_one_without_a_line_is_no_face(tmp_path):
    write(tmp_path / "t" / "a.csv", csv([landmark_img(AU12_r=1.0)]))
    write(tmp_path / "t" / "deep" / "b.csv", csv([landmark_img(AU12_r=0.6)]))
    write(tmp_path / "t" / "c.csv", csv([landmark_img()]).splitlines()[0] + "\n")
    write(tmp_path / "t" / "c_of_details.txt", "Input:c.jpg\n")
    with detector("table", file=tmp_path / "t") as table:
        faces = [table.detect_row(row(name), never_read) for name in "abc"]
    assert [face and probabilities(face)[12] for face in faces] == [0.5, 0.3, None]


def test_folders_decide_between_pictures_of_one_name(tmp_path):
    lines = [
        pyfeat("/x/images/train/a.jpg", AU12=0.7),
        pyfeat("/x/images/test/a.jpg", 1, AU12=0.2),
    ]
    path = write(tmp_path / "t.csv", csv(lines))
    assert probabilities(ask(path))[12] == 0.7
    with detector("table", file=path) as table:
        with pytest.raises(NoDetectionsError, match="several lines with the name of"):
            table.detect_row(row("a", "frames/a.jpg"), never_read)
        with pytest.raises(NoDetectionsError, match="no line for"):  # another person's a.jpg
            table.detect_row(row("anne/a"), never_read)


def test_the_largest_face_that_the_tool_is_sure_of_is_taken(tmp_path):
    small = face68(1.2, (150, 150))
    lines = [
        landmark_img(0, small, AU12_r=5.0),
        landmark_img(1, AU12_r=1.0),
        landmark_img(2, face68(2.4, (-20, -20)), confidence=0.2),
    ]
    assert probabilities(ask(write(tmp_path / "a.csv", csv(lines))))[12] == 0.5
    assert ask(write(tmp_path / "a.csv", csv(lines[2:]))) is None
    lost = feature_extraction(success=0)
    assert ask(write(tmp_path / "a.csv", csv([lost]))) is None
    empty = {key: "" if key[:2] in ("AU", "Fa") else value for key, value in pyfeat("a").items()}
    assert ask(write(tmp_path / "t.csv", csv([empty, pyfeat("b", 1)]))) is None


# --- wrong tables are refused by name ---------------------------------------------------------


def without(line, *names):
    return {key: value for key, value in line.items() if key not in names}


FACE = csv([landmark_img()])
WRONG = {
    "empty": ("", r"a\.csv: empty; next"),
    "no AUs": (
        csv([{"face": 0, "confidence": 1}]),
        r"a\.csv:1: no column of an AU .* next: .*-aus",
    ),
    "semicolons": (FACE.replace(",", ";"), r"a\.csv:1: fields parted by ';'; next: save it with"),
    "tabs": (FACE.replace(",", "\t"), r"a\.csv:1: fields parted by '\\t'; next"),
    "UTF-16 without a mark": (FACE.encode("utf-16-le"), r"a\.csv:1: .*next: save it as UTF-8"),
    "Latin-1": ("gr\xfc\xdfe".encode("latin-1"), r"a\.csv:1: not UTF-8 .*next"),
    "one half of the columns": (
        csv([without(landmark_img(), "AU26_c", "AU28_c", "AU45_c")]),
        r"a\.csv:1: AU26_r without AU26_c",
    ),
    "one half of the landmarks": (
        csv([without(landmark_img(), *(f"y_{n}" for n in range(30, 68)))]),
        r"a\.csv:1: landmarks without column 'y_30'; next",
    ),
    "a column twice": (
        FACE.replace("AU02_r", "AU01_r", 1),
        r"a\.csv:1: column 'AU01_r' is there twice",
    ),
    "two tools": (csv([landmark_img() | {"au_1": 0}]), r"a\.csv:1: AUs of libreface and openface"),
    "a cut line": (FACE[: len(FACE) - 40], r"a\.csv:2: \d+ fields, the header has \d+; next"),
    "a face twice": (
        csv([landmark_img(), landmark_img(AU12_r=3.0)]),
        r"a\.csv:3: the same face of 'a' as at .*a\.csv:2, with other values",
    ),
    "a video": (
        csv([feature_extraction(1), feature_extraction(2)]),
        r"a\.csv:3: frame 2 of 'a', .* a table of a video; next: one table a picture",
    ),
    "a picture without a name": (csv([pyfeat("")]), r"a\.csv:2: no picture's name; next"),
    "no line": (csv([pyfeat("x")]).splitlines()[0], r"a\.csv: no line below the header"),
    "text": (csv([landmark_img(AU04_r="high")]), r"a\.csv:2: column AU04_r: 'high' is no number"),
    "nan": (csv([landmark_img(AU04_r="nan")]), r"column AU04_r: 'nan' is no number from 0 to 5"),
    "above": (csv([landmark_img(AU04_r=5.1)]), r"column AU04_r: '5.1' is no number from 0 to 5"),
    "below": (csv([pyfeat("a", AU04=-0.1)]), r"column AU04: '-0.1' is no number from 0 to 1"),
    "half a yes": (csv([libreface(au_7=0.5)]), r"column au_7: 0.5 is neither 0 nor 1"),
    "a landmark": (csv([landmark_img(x_7="")]), r"column x_7: '' is no number"),
    "another picture's size": (
        csv([pyfeat("a", FrameWidth=640.0)]),
        r"column FrameWidth: a picture of 640 pixels, not 448; next: .*side=640",
    ),
    "landmarks of a small picture": (
        csv([landmark_img(0, face68(0.24))]),
        r"landmarks 7\.\.41 across .* of no face frame of 448 pixels; next: .*side=PIXELS",
    ),
    "landmarks of a large picture": (
        csv([landmark_img(0, face68(1, (900, 600)))]),
        r"of no face frame of 448 pixels",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_table_is_refused_with_its_place_and_the_next_step(tmp_path, text, message):
    with pytest.raises(DetectorError, match=message):
        detector("table", file=write(tmp_path / "a.csv", text))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"file": "nowhere.csv"}, r"no file nowhere\.csv; next: --option file=CSV"),
        ({"boxes": "own"}, r"boxes='own'; next: --option boxes=landmarks"),
        ({"side": "big"}, r"side='big': no number of pixels"),
        ({"column": "name"}, r"no column 'name'; next: --option column=NAME"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, message):
    file = write(tmp_path / "a.csv", FACE)
    with pytest.raises(DetectorError, match=message):
        detector("table", **{"file": file, **options})


def test_scaled_pictures_are_taken_where_their_side_is_stated(tmp_path):
    path = write(tmp_path / "a.csv", csv([landmark_img(0, face68(0.24))]))
    boxes = {each.au: each.box for each in ask(path, side="48").detections}
    expected = landmark_boxes(face68() / 448)
    for au, box in boxes.items():
        assert box.as_tuple() == pytest.approx(expected[au].as_tuple(), abs=2)


def test_a_repeated_line_is_no_second_answer(tmp_path):
    lines = [landmark_img(), landmark_img()]
    assert ask(write(tmp_path / "a.csv", csv(lines))).supported == KNOWN


def test_thousands_of_lines_take_little_memory(tmp_path):
    """A line of 700 columns leaves only its AUs and boxes behind."""
    import tracemalloc

    line = pyfeat("NAME") | {f"Identity_{n}": 0.123456 for n in range(500)}
    head, body = csv([line]).splitlines()
    names = [f"p{number}" for number in range(300)]
    text = "\n".join([head, *(body.replace("NAME", name) for name in names)])
    path = write(tmp_path / "t.csv", text)
    tracemalloc.start()
    with detector("table", file=path) as table:
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert table.detect_row(row("p299"), never_read) is not None
    assert held < len(names) * 3000 < len(text)
