"""Boxes that follow a mirrored or shifted picture are told from boxes that stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.face_frame import read_face, write_face
from tag_plugin.data.rows import read_rows
from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME, Box
from tag_plugin.results.moving import (
    MIRRORED,
    MOVES,
    SHIFT,
    SHIFTED,
    direction,
    followed,
    movement,
    shifted_face,
)
from tag_plugin.results.reader import read_run
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.record import JudgedSample
from tests.results.run_files import PROTOCOL, record, write_run
from tests.strategies import boxes as any_box

FACES = 40


def answered(name, boxes, answer="anger"):
    """A sample whose answer claims these boxes: AU -> box."""
    claims = [
        {"au": au, "box": list(box.as_tuple()), "region": "r", "observation": "o", "defects": []}
        for au, box in boxes.items()
    ]
    changes = {"claims": claims, "judged_claims": [], "claimed": 0, "matches": []}
    return JudgedSample.model_validate(record(name, "anger", answer, **changes))


def seen_in(index):
    """AU -> box of what acts in a drawing; all drawings of this test have something."""
    on = detections(sample_face(split_seed(0, "test"), index)).detections
    return {each.au: each.box for each in on if each.probability >= 0.5 or each.au == 25}


def looks(boxes, move):
    """The boxes of the same face in the moved picture."""
    moved = {au: move(list(boxes.values()), box) for au, box in boxes.items()}
    return {au: box for au, box in moved.items() if box is not None}


def keeps_its_boxes(boxes, _):
    return boxes


def jitters(boxes, move):
    """Looks, with an error of some thousandths."""
    random = np.random.default_rng(sum(boxes))
    jittered = {}
    for au, box in looks(boxes, move).items():
        x1, y1, x2, y2 = np.clip(box.as_tuple() + random.integers(-12, 13, 4), 0, BOX_SCALE)
        jittered[au] = Box(int(x1), int(y1), int(max(x2, x1 + 9)), int(max(y2, y1 + 9)))
    return jittered


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize(
    ("model", "low", "high"),
    [(looks, 0.99, 1.0), (jitters, 0.5, 0.99), (keeps_its_boxes, -1e-9, 1e-9)],
)
def test_boxes_that_follow_are_told_from_boxes_that_stay(name, model, low, high):
    pairs = [
        (answered(f"f{i}", seen_in(i)), answered(f"f{i}", model(seen_in(i), MOVES[name])))
        for i in range(FACES)
    ]
    found = followed(pairs, MOVES[name])
    assert low <= found.follows.value <= high
    assert found.follows.low <= found.follows.value <= found.follows.high
    assert found.units.value > 0.95 and found.answers.value == 1.0


def test_units_and_answers_that_change_are_counted():
    one = answered("a", {4: Box(100, 100, 300, 300), 12: Box(300, 600, 700, 800)})
    two = answered("a", {4: Box(700, 100, 900, 300), 15: Box(0, 0, 9, 9)}, answer="fear")
    found = followed([(one, two)], MOVES[MIRRORED])
    assert (found.units.value, found.answers.value) == (0.5, 0.0)
    assert (found.moved.value, found.still.value, found.follows.value) == (1.0, 0.0, 1.0)


def test_without_a_common_unit_nothing_is_said_of_boxes():
    one, two = answered("a", {4: Box(0, 0, 9, 9)}), answered("a", {12: Box(0, 0, 9, 9)})
    found = followed([(one, two)], MOVES[SHIFTED])
    assert (found.units.value, found.moved, found.follows) == (0.0, None, None)


@given(st.lists(any_box(smallest=30), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_a_box_moves_with_the_pixels_that_it_holds(boxes):
    face = np.zeros((FACE_FRAME, FACE_FRAME, 3), dtype=np.uint8)
    x1, y1, x2, y2 = (round(value * FACE_FRAME / BOX_SCALE) for value in boxes[0].as_tuple())
    face[y1:y2, x1:x2] = 255
    moved = {MIRRORED: face[:, ::-1], SHIFTED: shifted_face(face, direction(boxes))}
    for name, picture in moved.items():
        box = MOVES[name](boxes, boxes[0])
        if box is not None:
            left, top, right, bottom = (v * FACE_FRAME / BOX_SCALE for v in box.as_tuple())
            inside = picture[round(top) + 1 : round(bottom) - 1, round(left) + 1 : round(right) - 1]
            assert (inside == 255).all()


def test_faces_are_shifted_towards_the_sides_with_more_room():
    assert direction([Box(100, 500, 300, 900)]) == (1, -1)
    face = np.arange(FACE_FRAME**2 * 3, dtype=np.uint32).reshape(FACE_FRAME, FACE_FRAME, 3) % 251
    face = face.astype(np.uint8)
    assert (shifted_face(face, (1, -1))[:-SHIFT, SHIFT:] == face[SHIFT:, :-SHIFT]).all()


def test_a_run_becomes_two_moved_datasets_and_is_compared_with_their_answers(tmp_path):
    path = tmp_path / "face.jpg"
    ramp = np.tile(np.linspace(0, 255, FACE_FRAME, dtype=np.uint8)[:, None, None], (1, 448, 3))
    write_face(path, Image.fromarray(ramp.transpose(1, 0, 2)))
    records = [
        record("f0", "anger", "anger", image=str(path)),
        record("f1", "anger", "anger", image="/gone.jpg"),
        record("f2", "anger", None, image=str(path)),
    ]
    run = read_run(write_run(tmp_path / "run", records))
    words = ["mask", str(run.results_file), "--out", str(tmp_path / "moved"), "--moved"]
    said = CliRunner().invoke(app, words).output
    assert "1 faces mirrored and shifted" in said and "left out: 2 without" in said
    assert "--tasks tag_mirrored,tag_shifted" in said
    for dataset in MOVES:
        (row,) = read_rows(tmp_path / "moved" / dataset / "prepared" / "test.jsonl")
        face = read_face(tmp_path / "moved" / dataset / row.image)
        assert (face[0, 0, 0] > 200) == (dataset == MIRRORED)
    moved = read_run(
        write_run(
            tmp_path / "answers",
            records[:1],
            protocol=PROTOCOL.model_copy(update={"task": "tag_mirrored", "n": 1}),
        )
    )
    shown = CliRunner().invoke(
        app, ["faithfulness", str(run.results_file), str(moved.results_file)], env={"COLUMNS": "99"}
    )
    assert "mirrored pictures of 1 faces" in shown.output and "masked" not in shown.output
    other = read_run(write_run(tmp_path / "other", records[1:2], model="another"))
    with pytest.raises(ResultsError, match="differ in model"):
        movement(run, other, MIRRORED)
