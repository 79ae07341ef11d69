"""Masks cover what was cited, or as much elsewhere; flips are counted with the right sign."""

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from tag_plugin.data.face_frame import write_face
from tag_plugin.data.rows import read_rows
from tag_plugin.facs.boxes import Box
from tag_plugin.results.faithfulness import faithfulness, flips
from tag_plugin.results.masking import (
    CITED,
    RANDOM,
    apply_mask,
    cited_boxes,
    mask_of,
    mask_run,
    random_mask,
)
from tag_plugin.results.reader import read_run
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.record import JudgedSample
from tests.results.run_files import PROTOCOL, SMILE, record, write_run
from tests.strategies import boxes as any_box

BOX = Box(250, 500, 500, 750)


def test_a_mask_is_the_boxes_in_pixels():
    mask = mask_of([BOX])
    assert mask.shape == (448, 448)
    assert mask.sum() == 112 * 112
    assert mask[224:336, 112:224].all()


@given(any_box())
@settings(max_examples=40, deadline=None)
def test_one_random_box_covers_as_much_up_to_a_rim_of_pixels(box):
    cited, drawn = mask_of([box]), random_mask([box], "face", 0)
    rim = 448 * 4
    assert abs(int(drawn.sum()) - int(cited.sum())) <= max(0.05 * cited.sum(), rim)


def test_random_boxes_are_the_same_for_the_same_face_and_seed_only():
    boxes = [BOX, Box(100, 100, 300, 200)]
    first, again = (random_mask(boxes, "a", 0) for _ in range(2))
    assert (first == again).all()
    assert (first != random_mask(boxes, "b", 0)).any()
    assert (first != random_mask(boxes, "a", 1)).any()
    assert abs(first.mean() - mask_of(boxes).mean()) <= 0.05 * mask_of(boxes).mean()


def test_masking_leaves_the_rest_of_the_face_alone():
    face = np.random.default_rng(0).integers(0, 255, (448, 448, 3), dtype=np.uint8)
    masked = apply_mask(face, mask_of([BOX]))
    assert (masked[~mask_of([BOX])] == face[~mask_of([BOX])]).all()
    assert len(np.unique(masked[mask_of([BOX])], axis=0)) == 1


def test_only_readable_boxes_of_known_units_are_cited():
    good = {"au": 12, "box": SMILE, "region": "", "observation": "", "defects": []}
    claims = [good, {**good, "au": None}, {**good, "box": None}]
    assert cited_boxes(
        JudgedSample.model_validate(record("a", "anger", "anger", claims=claims))
    ) == [Box(*SMILE)]


@pytest.fixture
def run(tmp_path):
    """Three faces on disk: two answered with a box, one unparsable."""
    records = []
    for number, answer in enumerate(["anger", "fear", None]):
        path = tmp_path / f"face '{number}'.jpg"
        noise = np.random.default_rng(number).integers(0, 255, (448, 448, 3), dtype=np.uint8)
        write_face(path, Image.fromarray(noise))
        records.append(record(f"../{number}", "anger", answer, image=str(path)))
    return read_run(write_run(tmp_path / "run", records))


def test_a_run_becomes_two_datasets_of_the_same_faces(run, tmp_path):
    made = mask_run(run, tmp_path / "masked")
    assert (made.faces, made.left_out) == (2, 1)
    assert made.random_area == pytest.approx(made.cited_area, rel=0.05)
    for dataset in (CITED, RANDOM):
        rows = list(read_rows(tmp_path / "masked" / dataset / "prepared" / "test.jsonl"))
        assert [row.id for row in rows] == ["../0", "../1"]
        assert {row.label_set for row in rows} == {"ferplus"}
        for row in rows:
            with Image.open(tmp_path / "masked" / dataset / row.image) as picture:
                assert picture.size == (448, 448)


def test_a_run_without_boxes_is_refused(tmp_path):
    bare = read_run(
        write_run(
            tmp_path, [record("a", "anger", "anger", claims=[], judged_claims=[], matches=[])]
        )
    )
    with pytest.raises(ResultsError, match="no answer cites a box"):
        mask_run(bare, tmp_path / "masked")


def triples(cited_flips: int, random_flips: int, n: int = 40):
    def sample(number, flipped):
        answer = "fear" if flipped else "anger"
        return JudgedSample.model_validate(record(f"f{number:02d}", "anger", answer))

    return [
        (sample(i, False), sample(i, i < cited_flips), sample(i, i < random_flips))
        for i in range(n)
    ]


def test_a_model_that_uses_what_it_cites_flips_more_when_it_is_masked():
    found = flips(triples(30, 5))
    assert (found.cited.value, found.random.value) == (30 / 40, 5 / 40)
    assert found.difference.value == pytest.approx(25 / 40)
    assert found.difference.low > 0.4
    assert (found.mcnemar.only_first, found.mcnemar.only_second) == (25, 0)
    assert found.mcnemar.p_value < 0.001


def test_a_model_that_looks_elsewhere_does_not():
    found = flips(triples(10, 10))
    assert found.difference.value == 0
    assert found.difference.low <= 0 <= found.difference.high
    assert found.mcnemar.p_value == 1.0


def test_runs_of_other_models_are_refused(tmp_path):
    files = [
        write_run(
            tmp_path, model=name, protocol=PROTOCOL.model_copy(update={"prompt_hash": prompt})
        )
        for name, prompt in (("a", "x"), ("b", "x"), ("a2", "y"))
    ]
    original, other, asked = map(read_run, files)
    with pytest.raises(ResultsError, match=r"differ in model: a \| b"):
        faithfulness(original, original, other)
    with pytest.raises(ResultsError, match="differ in"):
        faithfulness(original, asked, original)
    assert faithfulness(original, original, original).cited.value == 0
