"""The heads: AU probabilities off the mesh, held to what FACS says of each AU."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.fit import Faces, emotions_of, fit, weighted_auc
from tag_plugin.detectors.heads import UNILATERAL, load_heads
from tag_plugin.detectors.kept_meshes import BLENDSHAPES, keep_mesh, kept_faces, mesh_file
from tag_plugin.detectors.mesh import align, mirrored
from tag_plugin.detectors.motions import MOTIONS, motion
from tag_plugin.detectors.plans import PLANS
from tag_plugin.facs.prototypes import PROTOTYPES

HEADS, _ = load_heads()
REFERENCE, MIRROR = np.array(HEADS.reference), np.array(HEADS.mirror)
REST = dict.fromkeys(BLENDSHAPES, 0.0)


def scores(mesh, blendshapes=REST):
    named = {name: np.array([value]) for name, value in blendshapes.items()}
    halves = HEADS.scores(mesh[None], named)[:, 0]
    return dict(zip(HEADS.heads, halves.mean(axis=0), strict=True))


def moved(au, spread=0.1, side=None):
    step = motion(au, spread, REFERENCE, MIRROR)
    if side is not None:  # the person's right is on the left of the picture
        step = step * np.where((REFERENCE[:, :1] < 0) == (side == "right"), 1.0, 0.0)
    return REFERENCE + step


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.04])
@pytest.mark.parametrize("au", HEADS.heads)
def test_what_an_au_does_to_a_face_raises_its_score(au, spread):
    assert scores(moved(au, spread))[au] > scores(REFERENCE)[au] + 0.1


@pytest.mark.parametrize(
    ("motion_of", "not_raised"),
    [
        (26, (4, 7, 17, 23, 24)),  # a mouth that only opens is no anger
        (1, (4,)),  # raised brows are not lowered
        (4, (1,)),
        (5, (7,)),  # widened eyes are not tightened
        (7, (5,)),
        (12, (15, 20)),  # a smile neither drops the corners nor stretches the lips
        (15, (12,)),
    ],
)
def test_another_motion_does_not(motion_of, not_raised):
    for au in set(not_raised) & set(HEADS.heads):
        assert scores(moved(motion_of, 0.04))[au] <= scores(REFERENCE)[au] + 0.05, au


@pytest.mark.parametrize(("au", "spread"), [(25, 0.06), (26, 0.15)])
def test_a_mouth_is_open_only_where_the_lips_are_apart(au, spread):
    """As of a hand before the mouth: the jaw has dropped, and the mesh has the lips together."""
    mesh = REFERENCE + 3 * (moved(26, spread) - REFERENCE)
    assert HEADS.measure(mesh, REST)[au].probability >= 0.5
    mesh[[178, 87, 14, 317, 402]] = mesh[[81, 82, 13, 312, 311]] + [0, 0.02, 0]
    assert HEADS.measure(mesh, REST)[au].probability < 0.3


def test_lips_and_jaw_have_no_side():
    aus = HEADS.measure(REFERENCE + 3 * (moved(26, 0.15, "right") - REFERENCE), REST)
    assert {aus[au].side for au in (25, 26)} == {None}


def test_a_face_and_its_mirror_image_are_measured_alike_with_the_sides_swapped():
    face = moved(12, 0.1, "right") + motion(4, 0.1, REFERENCE, MIRROR)
    lopsided = {**REST, "mouthSmileRight": 0.9}
    swapped = {**REST, "mouthSmileLeft": 0.9}
    other = {"left": "right", "right": "left", None: None}
    here = HEADS.measure(face, lopsided)
    there = HEADS.measure(mirrored(face[None], MIRROR)[0], swapped)
    for au, each in here.items():
        assert there[au].probability == pytest.approx(each.probability, abs=0.02), au
        assert there[au].side == other[each.side], au


@given(
    scale=st.floats(0.05, 0.6),
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    roll=st.floats(-1.5, 1.5),
)
def test_neither_place_nor_size_nor_roll_of_the_face_matter(scale, shift, roll):
    turn = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    face = moved(12) @ turn * scale + [*shift, 0]
    for au, score in scores(moved(12)).items():
        assert scores(face)[au] == pytest.approx(score, abs=1e-3)


def test_a_smile_of_one_side_is_said_to_be_one():
    smile = 4 * motion(12, 0.04, REFERENCE, MIRROR)
    right = HEADS.measure(
        REFERENCE + smile * (REFERENCE[:, :1] < -0.02), {**REST, "mouthSmileRight": 0.8}
    )[12]
    both = HEADS.measure(
        REFERENCE + smile, {**REST, "mouthSmileRight": 0.8, "mouthSmileLeft": 0.8}
    )[12]
    assert (right.side, both.side) == ("right", None)
    assert right.probability == pytest.approx(both.probability, abs=0.01)
    assert right.probability >= 0.5
    assert {12, 14} == UNILATERAL


def test_probabilities_rise_with_the_score_between_0_and_1():
    for head in HEADS.heads.values():
        values = [head.probability(score) for score in np.linspace(-30, 30, 400)]
        assert values == sorted(values)
        assert values[0] == 0
        assert values[-1] == 1


def test_the_resting_reference_has_no_au():
    assert not {
        au for au, each in HEADS.measure(REFERENCE, REST).items() if each.probability >= 0.5
    }


def made_faces(each=60):
    """Faces that only do what their label's prototype says, with some noise."""
    random = np.random.default_rng(0)
    meshes, labels = [], []
    for emotion, weights in PROTOTYPES.items():
        for _ in range(each * (3 if emotion == "neutral" else 1)):
            face = REFERENCE + random.normal(0, 0.004, REFERENCE.shape)
            for au in set(weights) & set(MOTIONS):
                strength = random.uniform(0.5, 1.5) * (weights[au] >= 0.5)
                face = face + strength * motion(au, 0.06, REFERENCE, MIRROR)
            meshes.append(face * 0.2 + [0.5, 0.5, 0])
            labels.append(emotion)
    shapes = dict.fromkeys(BLENDSHAPES, np.zeros(len(labels)))
    return Faces(np.array(meshes), shapes, np.array(labels))


@pytest.fixture(scope="module")
def made():
    return made_faces()


@pytest.fixture(scope="module")
def fitted(made):
    return fit(made, {"fitted_on": "made faces"})


def test_fitted_heads_find_the_aus_of_faces_they_have_not_seen(fitted):
    fresh = made_faces(20)
    found = fitted.scores(fresh.meshes, fresh.blendshapes).mean(axis=0)
    for column, au in enumerate(fitted.heads):
        assert weighted_auc(au, found[:, column], fresh.labels) > 0.9, au


def test_the_same_faces_give_the_same_file(made, fitted):
    assert fit(made, {"fitted_on": "made faces"}).model_dump_json() == fitted.model_dump_json()


def test_neutral_faces_are_rarely_on(made, fitted):
    neutral = made.meshes[made.labels == "neutral"]
    for au in fitted.heads:
        on = [fitted.measure(mesh, REST)[au].probability >= 0.5 for mesh in neutral[:60]]
        assert np.mean(on) <= 0.15, au


def test_the_card_says_what_was_fitted_and_how_well(fitted):
    assert fitted.card["faces"]["anger"] == 60
    assert set(fitted.card["aus"]["AU4"]["against_neutral"]) >= {"anger", "sadness"}


@pytest.mark.parametrize("labels", [["anger"] * 40, ["neutral"] * 10, ["neutral"] * 40])
def test_too_few_faces_are_refused_in_one_line(labels):
    meshes = np.repeat(REFERENCE[None], len(labels), axis=0)
    shapes = dict.fromkeys(BLENDSHAPES, np.zeros(len(labels)))
    with pytest.raises(DetectorError, match="next: more faces"):
        fit(Faces(meshes, shapes, np.array(labels)), {})


def test_every_plan_has_emotions_to_learn_from():
    assert all(all(emotions_of(au)) for au in PLANS)


@pytest.mark.parametrize(
    "change",
    [
        lambda heads: heads.update(version=9),
        lambda heads: heads.update(reference=heads["reference"][:9]),
        lambda heads: heads["heads"]["4"]["weights"].pop(),
        lambda heads: heads["heads"]["4"].update(curve=[[1, 0.5], [0, 0.3]]),
        lambda heads: heads["heads"].update({"99": heads["heads"]["4"]}),
        lambda heads: heads["heads"].clear(),
        lambda heads: heads["heads"]["4"].update(bias=float("nan")),
    ],
)
def test_a_file_that_holds_no_heads_is_named_with_what_to_do(tmp_path, change):
    content = json.loads(HEADS.model_dump_json())
    change(content)
    path = tmp_path / "heads.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DetectorError, match=r"heads\.json: no heads .*next: .*detector fit"):
        load_heads(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DetectorError, match=r"nowhere\.json: no heads"):
        load_heads(tmp_path / "nowhere.json")


def test_a_kept_mesh_comes_back(tmp_path):
    shapes = {name: number / 100 for number, name in enumerate(BLENDSHAPES)}
    path = mesh_file(tmp_path, "images/train/a.jpg")
    assert path == tmp_path / "meshes" / "train" / "a.npy"
    keep_mesh(path, REFERENCE, shapes)
    stored = np.load(path)
    assert stored[: REFERENCE.size] == pytest.approx(REFERENCE.ravel(), abs=1e-6)
    assert stored[-1] == pytest.approx(shapes[BLENDSHAPES[-1]])


def test_faces_without_meshes_say_what_to_run(tmp_path):
    with pytest.raises(DetectorError, match="next: tag-plugin detect"):
        kept_faces(tmp_path, "train")


def test_aligned_meshes_lie_on_the_reference():
    turned = align((moved(12) * 0.3 + 0.5)[None], REFERENCE)
    assert turned.points[0] == pytest.approx(moved(12), abs=1e-6)
