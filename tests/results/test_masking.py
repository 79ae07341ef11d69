"""Masks cover what was cited, and as much that was not; flips are counted with the right sign."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tag_plugin.data.face_frame import write_face
from tag_plugin.data.rows import read_rows
from tag_plugin.data.synthetic.geometry import project, shape
from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME, Box, iou
from tag_plugin.results.changed_faces import cited_boxes
from tag_plugin.results.faithfulness import faithfulness, flips
from tag_plugin.results.masking import (
    CITED,
    UNCITED,
    UNCITED_BELOW,
    apply_mask,
    equal_masks,
    mask_of,
    mask_run,
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


@given(st.lists(any_box(), min_size=1, max_size=3), st.lists(any_box(), max_size=8))
@settings(max_examples=40, deadline=None)
def test_both_masks_are_of_one_size_and_the_control_holds_nothing_that_was_cited(cited, known):
    of_cited, masks = mask_of(cited), equal_masks(cited, known)
    uncited = [box for box in known if max(iou(box, each) for each in cited) < UNCITED_BELOW]
    room = mask_of(uncited) & ~of_cited
    if masks is None:
        assert room.sum() < of_cited.sum() / 2
    else:
        evidence, control = masks
        assert evidence.sum() == control.sum() == min(of_cited.sum(), room.sum())
        assert not (control & ~room).any() and not (evidence & ~of_cited).any()


def test_where_room_is_scarce_the_middle_of_what_was_cited_is_masked():
    evidence, _ = equal_masks([Box(0, 0, 500, 500)], [Box(600, 600, 1000, 1000)])
    assert evidence.sum() == 179 * 179
    assert evidence[112, 112] and not evidence[2, 2]


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


def write_faces(folder, records):
    """The records with a picture of noise each, as a run."""
    for number, each in enumerate(records):
        path = folder / f"face '{number}'.jpg"
        noise = np.random.default_rng(number).integers(0, 255, (448, 448, 3), dtype=np.uint8)
        write_face(path, Image.fromarray(noise))
        each["image"] = str(path)
    return read_run(write_run(folder / "run", records))


def test_a_run_becomes_two_datasets_of_the_same_faces(tmp_path):
    no_region = {"detections": [], "supported": []}
    run = write_faces(
        tmp_path,
        [
            record("../0", "anger", "anger"),
            record("../1", "anger", "fear"),
            record("no answer", "anger", None),
            record("no region", "anger", "fear", detections=no_region, targets=[]),
        ],
    )
    made = mask_run(run, tmp_path / "masked")
    assert (made.faces, made.too_few, made.left_out) == (2, 1, 1)
    assert made.area == pytest.approx(0.08, rel=0.02)
    for dataset in (CITED, UNCITED):
        rows = list(read_rows(tmp_path / "masked" / dataset / "prepared" / "test.jsonl"))
        assert [row.id for row in rows] == ["../0", "../1"]
        assert {row.label_set for row in rows} == {"ferplus"}
        for row in rows:
            with Image.open(tmp_path / "masked" / dataset / row.image) as picture:
                assert picture.size == (448, 448)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claims": [], "judged_claims": [], "matches": []}, "no answer cites a box"),
        (
            {"detections": {"detections": [], "supported": []}, "targets": [], "matches": []},
            "no face has enough AU regions that were not cited",
        ),
    ],
)
def test_a_run_without_boxes_or_without_regions_is_refused(tmp_path, changes, message):
    with pytest.raises(ResultsError, match=message):
        mask_run(
            write_faces(tmp_path, [record("a", "anger", "anger", **changes)]), tmp_path / "masked"
        )


def triples(cited_flips: int, uncited_flips: int, n: int = 40):
    def sample(number, flipped):
        answer = "fear" if flipped else "anger"
        return JudgedSample.model_validate(record(f"f{number:02d}", "anger", answer))

    return [
        (sample(i, False), sample(i, i < cited_flips), sample(i, i < uncited_flips))
        for i in range(n)
    ]


def test_a_model_that_uses_what_it_cites_flips_more_when_it_is_masked():
    found = flips(triples(30, 5))
    assert (found.cited.value, found.uncited.value) == (30 / 40, 5 / 40)
    assert found.difference.value == pytest.approx(25 / 40)
    assert found.difference.low > 0.4
    assert (found.mcnemar.only_first, found.mcnemar.only_second) == (25, 0)
    assert found.mcnemar.p_value < 0.001


def test_a_model_that_looks_elsewhere_does_not():
    found = flips(triples(10, 10))
    assert found.difference.value == 0
    assert found.difference.low <= 0 <= found.difference.high
    assert found.mcnemar.p_value == 1.0


def head_of(face):
    """(448, 448), true on the head."""
    import cv2

    mask = np.zeros((FACE_FRAME, FACE_FRAME), dtype=np.uint8)
    cv2.fillPoly(mask, [project(shape(face).outline, face.pose).round().astype(np.int32)], 1)
    return mask > 0


def anywhere(boxes, random):
    """The control of old: boxes of the same sizes at random places of the frame."""
    moved = []
    for box in boxes:
        width, height = box.x2 - box.x1, box.y2 - box.y1
        x, y = (int(random.integers(0, BOX_SCALE + 1 - side)) for side in (width, height))
        moved.append(Box(x, y, x + width, y + height))
    return mask_of(moved)


def cites_its_evidence(face, seen):
    """Its answer hangs on one AU of those that are on, and it cites this one."""
    on = [each.box for each in seen.detections if each.probability >= 0.5][-1:]
    return on, mask_of(on)


def cites_decoration(face, seen):
    """Any hole in the head makes it answer otherwise; it cites the bridge of the nose."""
    x, y = project(np.array([[0.0, 0.0]]), face.pose)[0] * BOX_SCALE / FACE_FRAME
    return [Box(*(round(value) for value in (x - 60, y - 50, x + 60, y + 50)))], head_of(face)


@pytest.mark.parametrize(
    ("model", "by_old_control", "by_control"),
    [(cites_its_evidence, (0.5, 1.0), (0.5, 1.0)), (cites_decoration, (0.6, 0.7), (-0.01, 0.01))],
)
def test_decoration_on_the_face_wins_against_random_boxes_but_not_against_other_regions(
    model, by_old_control, by_control
):
    """A scripted model answers otherwise where half of a mask lies on what its answer hangs on."""
    old, new = [], []
    for index in range(40):
        face = sample_face(split_seed(0, "test"), index)
        seen = detections(face)
        cited, evidence = model(face, seen)
        masks = equal_masks(cited, [each.box for each in seen.detections]) if cited else None
        if masks is not None:
            old_masks = mask_of(cited), anywhere(cited, np.random.default_rng(index))
            for difference, pair in ((old, old_masks), (new, masks)):
                one, other = ((mask & evidence).sum() >= mask.sum() / 2 for mask in pair)
                difference.append(float(one) - float(other))
    assert len(new) >= 15
    assert by_old_control[0] <= np.mean(old) <= by_old_control[1]
    assert by_control[0] <= np.mean(new) <= by_control[1]


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
