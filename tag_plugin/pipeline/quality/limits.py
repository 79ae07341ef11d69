"""The limits of the quality check, and presets for the benchmarks."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

import yaml
from pydantic import ValidationError

from tag_plugin.data.model_error import first_problem
from tag_plugin.data.settings_file import read_yaml_mapping
from tag_plugin.data.text_file import TextFileError, json_lines
from tag_plugin.facs.frozen import Frozen
from tag_plugin.pipeline.outcomes import StageError


class Limits(Frozen, allow_inf_nan=False):
    """What a frame must keep to; None switches a limit off.

    Attributes:
        sharpness_min: see `measures.light`; a blur of 5 pixels of the frame gives about 15.
        face_size_min: larger side of the face in pixels of the source picture.
        brightness_min, brightness_max: mean grey of the middle of the frame, 0..255.
        contrast_min: standard deviation of the same.
        yaw_max, pitch_max, roll_max: degrees from looking straight ahead, upright.
        mirror_error_max: see `measures.mirror_error`; occlusion, blur and odd crops raise it.
        face: whether a frame in which no face is found is dropped.
    """

    sharpness_min: float | None = 15.0
    face_size_min: float | None = 48.0
    brightness_min: float | None = 30.0
    brightness_max: float | None = 235.0
    contrast_min: float | None = 12.0
    yaw_max: float | None = 60.0
    pitch_max: float | None = 45.0
    roll_max: float | None = 45.0
    mirror_error_max: float | None = 0.15
    face: bool = True

    @property
    def looks_for_faces(self) -> bool:
        """Whether a limit needs landmarks."""
        limits = (self.yaw_max, self.pitch_max, self.roll_max, self.mirror_error_max)
        return self.face or limits != (None,) * len(limits)


PRESETS: Final[Mapping[str, Limits]] = {
    "default": Limits(),
    # 48x48 pictures: small by nature, and an enlargement is never sharp.
    "ferplus": Limits(sharpness_min=10.0, face_size_min=24.0, mirror_error_max=0.2),
    # 100x100 aligned faces.
    "rafdb": Limits(face_size_min=40.0),
    "affectnet7": Limits(),
    "affectnet8": Limits(),
    # Drawings: no landmark model is meant for them.
    "synth": Limits(
        face=False,
        face_size_min=None,
        sharpness_min=None,
        yaw_max=None,
        pitch_max=None,
        roll_max=None,
        mirror_error_max=None,
    ),
}
"""`preset_of` says which one a dataset has."""
SMALL_SIDES: Final = ((64, "ferplus"), (128, "rafdb"))
"""Side of the source pictures, in the middle of them all, up to which a preset is meant."""
_SAMPLE: Final = 2_000


REASONS: Final[Mapping[str, str]] = {
    "sharpness_min": "not sharp",
    "face_size_min": "face too small",
    "brightness_min": "too dark",
    "brightness_max": "too bright",
    "contrast_min": "too little contrast",
    "yaw_max": "turned away",
    "pitch_max": "looks up or down",
    "roll_max": "tilted",
    "mirror_error_max": "landmarks not reliable (occlusion, blur or crop)",
}
"""Limit -> why a frame is dropped by it, in the order in which they are checked."""


def faults(measures: Mapping[str, float], limits: Limits) -> Iterator[tuple[str, str]]:
    """(reason, detail) of each limit that a frame does not keep to."""
    for name, measure, limit in _limited(measures, limits):
        value = measures[measure]
        if (abs(value) > limit) if name.endswith("_max") else (value < limit):
            yield REASONS[name], f"{measure} {value:g}, limit {limit:g}"


def margin(measures: Mapping[str, float], limits: Limits) -> tuple[float, str]:
    """How near a frame is to its nearest limit, as a share of the limit, and which one it is."""
    distances = (
        (abs(abs(measures[measure]) - limit) / limit, name)
        for name, measure, limit in _limited(measures, limits)
        if limit
    )
    return min(distances, default=(float("inf"), ""))


def _limited(measures: Mapping[str, float], limits: Limits) -> Iterator[tuple[str, str, float]]:
    """(limit's name, measure, limit) of those that are on and whose measure was taken."""
    for name in REASONS:
        measure, limit = name.rpartition("_")[0], getattr(limits, name)
        if limit is not None and measure in measures:
            yield name, measure, limit


def preset_of(directory: Path) -> str:
    """The name of the preset of a prepared dataset, whatever the dataset is called.

    Drawings have their own; else it goes by the true resolution of the frames (the median of the
    first of each split); large pictures of a known label set have that set's.
    """
    sides: list[int] = []
    label_sets: set[str] = set()
    for path in sorted((directory / "prepared").glob("*.jsonl")):
        for _, row in islice(json_lines(path, lambda _: None), _SAMPLE):
            if isinstance(row, dict):
                label_sets.add(str(row.get("label_set")))
                frame = row.get("frame")
                if isinstance(frame, dict) and isinstance(frame.get("side"), int):
                    sides.append(frame["side"])
    family = label_sets.pop() if len(label_sets) == 1 else "default"
    if family == "synth" or not sides:
        return family if family in PRESETS else "default"
    by_size = (name for side, name in SMALL_SIDES if median(sides) <= side)
    return next(by_size, family if family == "rafdb" else "default")


def limits_for(preset: str, file: Path | None, changes: Mapping[str, str]) -> Limits:
    """A preset, changed by a YAML file of limits and then by NAME -> VALUE.

    Raises:
        StageError: an unknown name or a value that is no number; the message lists the names.
    """
    content = PRESETS.get(preset, PRESETS["default"]).model_dump()
    try:
        content |= read_yaml_mapping(file) if file else {}
        content |= {name: yaml.safe_load(value) for name, value in changes.items()}
        return Limits.model_validate(content)
    except (OSError, TextFileError, yaml.YAMLError) as error:
        raise StageError(f"the limits cannot be read: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise StageError(
            f"{f'{file}: ' if file else ''}limit {first_problem(error)}; the limits are "
            f"{', '.join(Limits.model_fields)}"
        ) from None
