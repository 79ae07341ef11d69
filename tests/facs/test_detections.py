import pytest
from pydantic import ValidationError

from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections, Thresholds

BOX = Box(100, 100, 300, 300)


def detections(probabilities, supported=(1, 2, 4, 12)):
    found = tuple(Detection(au=au, probability=p, box=BOX) for au, p in probabilities.items())
    return Detections(detections=found, supported=frozenset(supported))


@pytest.mark.parametrize(
    ("probability", "on", "undecided"),
    [(0.5, True, False), (0.49, False, True), (0.3, False, True), (0.29, False, False)],
)
def test_the_bands_are_on_grey_and_absent(probability, on, undecided):
    found = detections({4: probability})
    assert bool(found.on(Thresholds())) == on
    assert (4 in found.undecided(Thresholds())) == undecided


def test_present_units_come_most_probable_first_and_at_most_so_many():
    found = detections({1: 0.6, 2: 0.9, 4: 0.7})
    assert [each.au for each in found.on(Thresholds())] == [2, 4, 1]
    assert [each.au for each in found.on(Thresholds(), at_most=2)] == [2, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: detections({6: 0.9}), "unsupported"),
        (lambda: detections({}, supported=[3]), "not a known Action Unit"),
        (lambda: detections({4: 1.2}), "less than or equal to 1"),
        (lambda: Thresholds(on=0.2, grey=0.3), "above the on threshold"),
        (lambda: Detection(au=4, probability=1, box=[5, 5, 5, 9]), "not a box"),
    ],
)
def test_half_valid_detections_do_not_exist(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("au", value) for value in (None, "4", "\u0664", True, 4.5, [4], 3, -4, 10**30)),
        *(("probability", value) for value in (None, "0.5", True, -0.1, 1.1, [0.5])),
        *(("probability", value) for value in (float("nan"), float("inf"), 10**400)),
        *(("supported", value) for value in (None, 4, ["4"], [[4]], [True], [10**400])),
    ],
    ids=lambda value: str(value)[:9],
)
def test_a_number_in_a_detection_must_be_written_as_one(field, value):
    one = {"au": 4, "probability": 0.5, "box": [1, 2, 30, 40]}
    whole = {"detections": [one], "supported": [4]}
    (whole if field == "supported" else one)[field] = value
    with pytest.raises(ValidationError, match=field):
        Detections.model_validate(whole)


def test_json_round_trip_keeps_boxes_as_four_numbers():
    found = detections({12: 0.8, 1: 0.1})
    assert found.model_dump(mode="json")["detections"][0]["box"] == [100, 100, 300, 300]
    assert Detections.model_validate_json(found.model_dump_json()) == found
