"""Several detectors as one: means, votes, boxes, blind spots."""

import pytest

from tag_plugin.data.rows import DetectorInfo, Row, write_rows
from tag_plugin.detectors.base import Detector, DetectorError
from tag_plugin.detectors.ensemble import EnsembleDetector, Rule, join
from tag_plugin.detectors.registry import detector
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections, Thresholds

LEFT, RIGHT = Box(0, 0, 100, 100), Box(100, 200, 301, 400)
USUAL = Thresholds()
TIE = 0.4


def face(*found, supported):
    detections = tuple(Detection(au=au, probability=p, box=box) for au, p, box in found)
    return Detections(detections=detections, supported=frozenset(supported))


def row(row_id="a"):
    return Row(
        id=row_id,
        dataset="d",
        split="train",
        image="images/a.jpg",
        label="neutral",
        label_set="ferplus",
    )


class Fixed(Detector):
    """Says the same of every face."""

    def __init__(self, name, found, supported, reads=False):
        self.info = DetectorInfo(name=name, version="1", model_sha256=name)
        self.supported = frozenset(supported)
        self._found, self._reads = found, reads

    def detect_row(self, row, read):
        if self._reads:
            read()
        return self._found


@pytest.mark.parametrize(
    ("rule", "probabilities", "expected"),
    [
        (Rule.MEAN, [0.9, 0.3], 0.6),
        (Rule.MEAN, [0.9, 0.3, 0.0], 0.4),
        (Rule.VOTE, [0.9, 0.6, 0.1], 0.667),
        (Rule.VOTE, [0.9, 0.4], 1.0),  # the second is undecided and abstains
        (Rule.VOTE, [0.1, 0.4], 0.0),
        (Rule.VOTE, [0.9, 0.1], TIE),
        (Rule.VOTE, [0.4, 0.45], TIE),  # nobody decided
    ],
)
def test_probabilities(rule, probabilities, expected):
    faces = [(face((12, p, LEFT), supported=[12]), USUAL) for p in probabilities]
    (found,) = join(faces, rule).detections
    assert found.probability == expected


def test_a_vote_counts_by_each_members_own_thresholds():
    strict = Thresholds(on=0.9, grey=0.85)
    seen = face((12, 0.8, LEFT), supported=[12])
    assert join([(seen, USUAL), (seen, USUAL)], Rule.VOTE).detections[0].probability == 1.0
    assert join([(seen, USUAL), (seen, strict)], Rule.VOTE).detections[0].probability == TIE


def test_only_the_members_that_support_an_au_count():
    smile = face((12, 0.8, LEFT), supported=[12])
    cheeks = face((6, 0.6, RIGHT), supported=[6])
    joined = join([(smile, USUAL), (cheeks, USUAL)], Rule.MEAN)
    assert {each.au: each.probability for each in joined.detections} == {6: 0.6, 12: 0.8}
    assert joined.supported == {6, 12}


def test_a_supported_au_without_a_detection_is_a_no_and_not_a_blind_spot():
    seen, unseen = face((12, 0.8, LEFT), supported=[12]), face(supported=[12])
    (found,) = join([(seen, USUAL), (unseen, USUAL)], Rule.MEAN).detections
    assert found.probability == 0.4
    assert found.box == LEFT


def test_boxes_are_averaged_over_the_members_that_have_one():
    faces = [
        face((12, 0.8, LEFT), supported=[12]),
        face((12, 0.8, RIGHT), supported=[12]),
        face(supported=[12]),
    ]
    (found,) = join([(each, USUAL) for each in faces], Rule.MEAN).detections
    assert found.box == Box(50, 100, 201, 250)


def test_a_face_that_one_member_finds_is_a_face():
    seen = face((12, 0.8, LEFT), supported=[12])
    assert join([(None, USUAL), (seen, USUAL)], Rule.MEAN) == seen
    assert join([(None, USUAL), (None, USUAL)], Rule.MEAN) is None


def test_the_image_is_read_once_and_the_batch_is_the_single_rows():
    reads = []
    members = [
        Fixed("a", face((12, 0.9, LEFT), supported=[12]), [12], reads=True),
        Fixed("b", face((12, 0.5, RIGHT), supported=[12]), [12], reads=True),
    ]
    with EnsembleDetector(members) as ensemble:
        alone = ensemble.detect_row(row(), lambda: reads.append("read"))
        assert reads == ["read"]
        assert ensemble.detect_rows([row(), row("b")], [lambda: None] * 2) == [alone, alone]
    assert ensemble.info.name == "ensemble"
    assert ensemble.info.version == "mean(a 1, b 1)"


def test_another_member_is_another_hash():
    found = face(supported=[12])
    pairs = [("a", "b"), ("a", "c"), ("b", "a")]
    hashes = {
        EnsembleDetector([Fixed(n, found, [12]) for n in pair]).info.model_sha256 for pair in pairs
    }
    assert len(hashes) == 3


def test_members_by_name_take_their_own_options(tmp_path):
    stored = face((12, 0.9, LEFT), supported=[12])
    info = DetectorInfo(name="x", version="1")
    known = row("synth-0-000003").model_copy(update={"detections": stored, "detector": info})
    write_rows(tmp_path / "rows.jsonl", [known])
    options = {"members": "cached,synthetic", "cached.rows": str(tmp_path / "rows.jsonl")}
    with detector("ensemble", **options) as ensemble:
        found = ensemble.detect_row(known, lambda: None)
    assert {1, 12} <= found.supported


@pytest.mark.parametrize(
    ("members", "options", "error", "message"),
    [
        ("synthetic", {}, DetectorError, "two members"),
        ("synthetic,synthetic", {"rule": "median"}, ValueError, "median"),
        ("synthetic,openface", {}, ValueError, "unknown detector 'openface'"),
        ("synthetic,synthetic", {"yolo.weights": "x"}, ValueError, "belongs to no member"),
        ("synthetic,synthetic", {"weights": "x"}, ValueError, "belongs to no member"),
    ],
)
def test_what_cannot_be_opened_says_why(members, options, error, message):
    with pytest.raises(error, match=message):
        EnsembleDetector(members, **options)
