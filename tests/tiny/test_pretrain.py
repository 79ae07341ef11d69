"""`tag-plugin tiny pretrain`: what a base learns from, and that one comes out of it."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from tag_plugin.data.face_frame import write_face
from tag_plugin.data.rows import Row, write_rows
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.heads import load_heads
from tag_plugin.detectors.kept_meshes import BLENDSHAPES, keep_mesh, mesh_file
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.facs.detections import Detections
from tag_plugin.tiny.faces import SHAPES, Components, DrawnFaces, face_batches
from tag_plugin.tiny.optimizer import Muon, Stage
from tag_plugin.tiny.photographs import PhotographedFaces
from tag_plugin.tiny.pretrain import pretrain

REFERENCE = np.array(load_heads()[0].reference)
FACES = 60
STAGE = Stage(faces=8, batch=4, learning_rate=1e-3, warmup=1)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A data set whose faces are white dots on black, one at each point of a mesh."""
    directory = tmp_path_factory.mktemp("data") / "dots"
    draw, rows = np.random.default_rng(0), []
    for number in range(FACES):
        mesh = REFERENCE * 0.15 + [0.5, 0.4, 0] + draw.normal(0, 0.004, REFERENCE.shape)
        picture = np.zeros((FACE_FRAME, FACE_FRAME, 3), np.uint8)
        for x, y in np.round(mesh[:, :2] * FACE_FRAME).astype(int):
            picture[y - 2 : y + 3, x - 2 : x + 3] = 255
        row = Row(
            id=f"{number}",
            dataset="dots",
            split="train",
            image=f"images/train/{number}.png",
            label="neutral",
            label_set="ferplus",
            detections=Detections(detections=(), supported=frozenset({12})),
        )
        write_face(directory / row.image, Image.fromarray(picture))
        keep_mesh(mesh_file(directory, row.image), mesh, dict.fromkeys(BLENDSHAPES, 0.0))
        rows.append(row)
    write_rows(directory / "detected" / "train.jsonl", rows)
    return directory


@pytest.fixture(scope="module")
def faces(photographs):
    return PhotographedFaces(photographs, seed=0)


def pixels(view):
    """Patches as they lie in the picture, (448, 448, 3)."""
    split = view.patches.reshape(8, 8, 2, 2, 3, 28, 28)
    return split.transpose(0, 2, 5, 1, 3, 6, 4).reshape(FACE_FRAME, FACE_FRAME, 3)


@pytest.mark.parametrize("index", range(8))
def test_points_and_boxes_of_a_view_lie_where_the_picture_has_them(faces, index):
    view = faces.view(index)
    picture = pixels(view)[..., 0].astype(int)
    places = np.round(view.points * FACE_FRAME).astype(int)
    inside = places[((places > 2) & (places < FACE_FRAME - 3)).all(axis=1)]
    assert len(inside) > 40
    assert np.mean([picture[y, x] > picture.min() + 100 for x, y in inside]) > 0.95
    nose, mouth = faces.boxes(index, [9, 25])
    assert nose.y1 < mouth.y1


def test_a_number_is_always_the_same_view_and_another_seed_another_one(photographs, faces):
    again, other = PhotographedFaces(photographs, seed=0), PhotographedFaces(photographs, seed=1)
    assert np.array_equal(again.view(3).patches, faces.view(3).patches)
    assert not np.array_equal(other.view(3).points, faces.view(3).points)


def test_pose_and_light_leave_the_shape_of_a_face_alone(faces):
    """Views of one face, mirrored or not, have two shapes."""
    shapes = {}
    for index in range(400):
        placed = faces._placed(index)
        shapes.setdefault((placed.face, placed.mirrored), []).append(faces.form(index))
    assert all(np.array_equal(form, each[0]) for each in shapes.values() for form in each)
    assert len(shapes) > FACES


@pytest.mark.parametrize("source", ["drawn", "photographed"])
def test_shapes_have_unit_variance(faces, source):
    source = DrawnFaces(5) if source == "drawn" else faces
    components = Components.of(source, measured=300)
    found = np.stack([components(source.form(index)) for index in range(300)])
    used = found.std(axis=0) > 0.1  # a drawing has fewer directions than a crowd of faces
    assert found.shape == (300, SHAPES)
    assert found.std(axis=0)[used] == pytest.approx(1, abs=0.1)
    assert used.sum() >= 20


def test_a_batch_holds_no_label_and_no_action_unit(faces):
    components = Components.of(faces, measured=80)
    batch = next(iter(face_batches(faces, components, count=4, size=4, workers=0)))
    assert batch._fields == ("patches", "points", "shape")
    assert [list(part.shape) for part in batch] == [[4, 256, 2352], [4, 96, 2], [4, SHAPES]]


def test_a_base_that_learnt_from_photographs_can_be_loaded_and_points(photographs, tmp_path):
    out = pretrain(tmp_path / "base", 0, photographs, seeing=STAGE, pointing=STAGE, pointed_faces=8)
    model = AutoModelForImageTextToText.from_pretrained(out)
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def test_rows_without_meshes_say_what_to_run(tmp_path):
    with pytest.raises(DetectorError, match="next: tag-plugin detect"):
        pretrain(tmp_path / "base", rows=tmp_path / "ferplus")


@pytest.mark.parametrize("shape", [(30, 50), (50, 30), (64, 64)])
def test_muon_is_torchs_but_for_its_bfloat16(shape):
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.ones(shape)) for _ in range(2))
    one = Muon([ours], 1e-2, weight_decay=0.01)
    two = torch.optim.Muon([theirs], 1e-2, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        one.step()
        two.step()
    assert (ours - 1).abs().max() > 0.01
    assert (ours - theirs).abs().max() < 5e-4
