"""Limits: which measure breaks which, and how they are set."""

import json

import pytest

from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.quality.limits import (
    PRESETS,
    REASONS,
    Limits,
    faults,
    limits_for,
    margin,
    preset_of,
)

GOOD = {
    "sharpness": 200.0,
    "face_size": 200.0,
    "brightness": 120.0,
    "contrast": 50.0,
    "yaw": 3.0,
    "pitch": -4.0,
    "roll": 1.0,
    "mirror_error": 0.03,
}


def reasons(limits=None, **changes):
    return [reason for reason, _ in faults({**GOOD, **changes}, limits or Limits())]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sharpness": 9.0}, "not sharp"),
        ({"face_size": 20.0}, "face too small"),
        ({"brightness": 5.0}, "too dark"),
        ({"brightness": 250.0}, "too bright"),
        ({"contrast": 3.0}, "too little contrast"),
        ({"yaw": 75.0}, "turned away"),
        ({"yaw": -75.0}, "turned away"),
        ({"pitch": -60.0}, "looks up or down"),
        ({"roll": 50.0}, "tilted"),
        ({"mirror_error": 0.4}, "landmarks not reliable (occlusion, blur or crop)"),
    ],
)
def test_each_limit_has_its_reason(changes, reason):
    assert reasons() == []
    assert reasons(**changes) == [reason]


def test_a_measure_that_was_not_taken_breaks_nothing():
    assert list(faults({}, Limits())) == []


@pytest.mark.parametrize("name", REASONS)
def test_a_limit_can_be_switched_off(name):
    off = Limits.model_validate({limit: None for limit in REASONS if limit != name})
    terrible = dict.fromkeys(GOOD, 0.0) | {"mirror_error": 1.0, "yaw": 90.0, "pitch": 90.0}
    terrible |= {"roll": 90.0} | ({"brightness": 255.0} if name == "brightness_max" else {})
    assert [reason for reason, _ in faults(terrible, off)] == [REASONS[name]]


def test_the_nearest_limit_is_found():
    assert margin({**GOOD, "yaw": -57.0}, Limits()) == (pytest.approx(0.05), "yaw_max")


def test_presets_files_and_changes_are_laid_over_each_other(tmp_path):
    (tmp_path / "limits.yaml").write_text("sharpness_min: 77\nyaw_max: 20\n")
    chosen = limits_for("ferplus", tmp_path / "limits.yaml", {"yaw_max": "30", "roll_max": "null"})
    assert (chosen.sharpness_min, chosen.yaw_max, chosen.roll_max) == (77, 30, None)
    assert chosen.face_size_min == PRESETS["ferplus"].face_size_min
    assert limits_for("mine", None, {}) == PRESETS["default"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"sharpnes_min": "1"}, "limits are sharpness_min"), ({"yaw_max": "wide"}, "limit yaw_max")],
)
def test_a_wrong_limit_is_explained(changes, message):
    with pytest.raises(StageError, match=message):
        limits_for("mine", None, changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sharpness_min: .nan", "limit sharpness_min: "),
        ("yaw_max: wide", "limit yaw_max: "),
        ("- 1", "not a mapping"),
        ("yaw_max: [", "not YAML"),
        ("face: maybe", "limit face: "),
    ],
)
def test_a_wrong_file_of_limits_is_named(tmp_path, text, message):
    (tmp_path / "limits.yaml").write_text(text)
    with pytest.raises((StageError, ValueError), match=message) as error:
        limits_for("mine", tmp_path / "limits.yaml", {})
    assert str(tmp_path / "limits.yaml") in str(error.value)


@pytest.mark.parametrize(
    ("sides", "label_set", "preset"),
    [
        ([48] * 9, "ferplus", "ferplus"),
        ([48] * 9, "basic7", "ferplus"),
        ([48, 48, 900], "basic7", "ferplus"),
        ([100] * 3, "rafdb", "rafdb"),
        ([100] * 3, "basic7", "rafdb"),
        ([500] * 3, "rafdb", "rafdb"),
        ([500] * 3, "ferplus", "default"),
        ([500] * 3, "basic8", "default"),
        ([None], "synth", "synth"),
        ([None], "basic7", "default"),
    ],
)
def test_the_preset_goes_by_the_pictures_and_not_by_the_folder(tmp_path, sides, label_set, preset):
    (tmp_path / "prepared").mkdir()
    rows = [{"label_set": label_set, "frame": side and {"side": side}} for side in sides]
    lines = ["{", *(json.dumps(row) for row in rows)]
    (tmp_path / "prepared" / "train.jsonl").write_text("\n".join(lines))
    assert preset_of(tmp_path) == preset
