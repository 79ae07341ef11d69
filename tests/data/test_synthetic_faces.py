"""Procedural faces: the same everywhere, AUs visible where their boxes are, emotions separable."""

from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tag_plugin.data.synthetic.face import SYNTH_AUS, Hair
from tag_plugin.data.synthetic.geometry import shape
from tag_plugin.data.synthetic.regions import au_boxes, au_regions, detections, probability
from tag_plugin.data.synthetic.render import render
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.facs.boxes import BoxFrame, to_frame
from tag_plugin.facs.detections import Thresholds
from tag_plugin.facs.emotions import label_set

LIMITS = Thresholds()


def plain_face(index, intensities=None):
    """A face with nothing in front of it, no noise, and exactly these AUs."""
    face = sample_face(7, index)
    return replace(
        face,
        intensities=intensities or {},
        identity=replace(face.identity, hair=Hair.SHORT),
        scene=replace(face.scene, occluder=None, glasses=None, noise=0.0),
    )


def test_the_same_seed_and_index_give_the_same_face_and_picture():
    assert sample_face(3, 5) == sample_face(3, 5)
    assert np.array_equal(render(sample_face(3, 5)), render(sample_face(3, 5)))
    assert sample_face(3, 5) != sample_face(3, 6) != sample_face(4, 6)


def test_a_picture_is_the_face_frame():
    picture = render(sample_face(0, 0))
    assert (picture.shape, picture.dtype) == ((448, 448, 3), np.uint8)


def test_no_two_splits_of_any_seeds_share_a_seed():
    seeds = [split_seed(seed, split) for seed in range(20) for split in ("train", "dev", "test")]
    assert len(set(seeds)) == len(seeds)


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match=r"'valid'.*train, dev, test"):
        split_seed(0, "valid")


@pytest.mark.parametrize(
    ("au", "least_inside"),
    [(au, 0.9) for au in SYNTH_AUS if au not in (26, 27)]
    + [(26, 0.6), (27, 0.6)],  # the jaw line and the neck under it move along
)
def test_what_an_au_changes_lies_inside_its_box(au, least_inside):
    inside = []
    for index in range(6):
        rest, acting = plain_face(index), plain_face(index, {au: 1.0})
        changed = np.abs(render(rest).astype(int) - render(acting)).sum(axis=2)
        x1, y1, x2, y2 = to_frame(
            au_boxes(acting, [au_regions(shape(acting))[au]])[0], BoxFrame.ABSOLUTE
        )
        assert (changed > 40).sum() > 150, f"AU{au} hardly shows on face {index}"
        inside.append(changed[y1:y2, x1:x2].sum() / changed.sum())
    assert np.mean(inside) >= least_inside


def test_every_box_is_inside_the_frame_and_no_sliver():
    for index in range(300):
        for found in detections(sample_face(1, index)).detections:
            assert min(found.box.as_tuple()) >= 0 and max(found.box.as_tuple()) <= 1000
            assert found.box.x2 - found.box.x1 >= 30 and found.box.y2 - found.box.y1 >= 30


def test_nearly_all_faces_lie_wholly_inside_the_frame():
    touching = sum(
        any(v in (0, 1000) for found in detections(sample_face(1, i)).detections
            for v in found.box.as_tuple())
        for i in range(200)
    )  # fmt: skip
    assert touching < 60


@pytest.mark.parametrize(
    ("intensity", "verdict"),
    [(0.0, "absent"), (0.2, "absent"), (0.25, "grey"), (0.35, "grey"), (0.45, "on"), (1.0, "on")],
)
def test_the_probability_follows_the_intensity(intensity, verdict):
    value = probability(intensity)
    assert ("on" if value >= 0.5 else "grey" if value >= 0.3 else "absent") == verdict


def test_every_acting_au_of_an_open_face_is_detected_and_no_other():
    face = plain_face(0, {1: 0.6, 12: 0.9, 25: 0.3})
    found = detections(face)
    assert {d.au for d in found.on(LIMITS)} == {1, 12}
    assert found.undecided(LIMITS) == {25}
    assert found.supported == frozenset(SYNTH_AUS)


def test_an_au_behind_an_occluder_is_undecided_whether_it_acts_or_not():
    hidden = next(
        face
        for face in (sample_face(2, i) for i in range(500))
        if face.scene.occluder and detections(face).undecided(LIMITS) - set(face.intensities)
    )
    unseen = detections(hidden).undecided(LIMITS) - set(hidden.intensities)
    without = replace(
        hidden,
        scene=replace(hidden.scene, occluder=None),
        identity=replace(hidden.identity, hair=Hair.BALD),
    )
    assert not detections(without).undecided(LIMITS) & unseen
    acting = replace(hidden, intensities=dict.fromkeys(unseen, 1.0))
    assert detections(acting).undecided(LIMITS) & unseen


@cache
def drawn(index):
    """A face of seed 0, made once for all the tests that count over thousands of them."""
    return sample_face(0, index)


def test_emotions_are_noisy_but_separable_from_exact_aus():
    seen: dict[frozenset[int], Counter[str]] = defaultdict(Counter)
    for index in range(6000):
        face = drawn(index)
        seen[_acting(face)][face.emotion] += 1
    asked = [drawn(index) for index in range(6000, 7000)]
    guessed = [_most_common(seen[_acting(face)]) == face.emotion for face in asked]
    assert 0.93 <= np.mean(guessed) < 1.0
    sets_of_anger = {aus for aus, labels in seen.items() if labels["anger"]}
    assert len(sets_of_anger) > 20


def test_every_label_occurs_about_equally_often():
    found = Counter(drawn(index).emotion for index in range(2100))
    assert set(found) == set(label_set("synth").labels)
    assert min(found.values()) > 230


def test_every_drawable_au_occurs():
    found = Counter(au for i in range(3000) for au in _acting(drawn(i)))
    assert min(found[au] for au in SYNTH_AUS) > 50


def _acting(face):
    return frozenset(au for au, intensity in face.intensities.items() if intensity >= 0.4)


def _most_common(labels):
    return labels.most_common(1)[0][0] if labels else None
