"""detect: rows with face frames -> rows with Action Units and boxes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.face_frame import ImageError, read_face
from tag_plugin.data.rows import NO_FACE, Row, dump_row
from tag_plugin.detectors.base import Detector, NoDetectionsError, ReadImage
from tag_plugin.detectors.registry import detector
from tag_plugin.facs.detections import Detections
from tag_plugin.pipeline.baselines import write_baselines
from tag_plugin.pipeline.inputs import RowFile, digests, faces_to_detect
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.outcomes import Dropped, Kept, Outcome
from tag_plugin.pipeline.parts import batches
from tag_plugin.pipeline.stage import Execution, Stage

FACE: Final = "face"
UNREADABLE = "image missing or unreadable"
NOT_CACHED = "no cached detections"

_AT_LEAST: Final = 8
"""Rows given at a time to a detector that gains nothing from a batch."""


@dataclass(frozen=True, slots=True)
class DetectSettings(Execution):
    """`directory` is DATA_DIR/<dataset>; `options` go to the detector's factory."""

    directory: Path
    detector: str = "mediapipe"
    options: Mapping[str, Any] = field(default_factory=dict)


def detect(settings: DetectSettings) -> Manifest:
    """Write `detected/<split>.jsonl` for every split that is left; resumes where it stopped.

    Then `baselines.json`, fitted on the train faces.

    A row without a face stays, with `detections` None.

    Raises:
        DetectorError: the detector or its model is missing.
        StageError: nothing is prepared, or `detected` was made with other settings.
    """
    directory, name, options = settings.directory, settings.detector, dict(settings.options)
    inputs = faces_to_detect(directory)
    with detector(name, **options) as opened:
        decisive = {**opened.info.model_dump(mode="json"), "supported": sorted(opened.supported)}
    command = f"tag-plugin detect {directory} --detector {name}"
    stage = Stage(directory, "detected", "detect.json", command, settings)
    with stage.opened({**decisive, "input": digests(inputs.values())}) as manifest:
        worker = partial(_open_worker, directory, name, options)
        splits = {split: RowFile(path) for split, path in inputs.items()}
        manifest = stage.run(manifest, splits, worker)
        if not manifest.waiting_for:
            write_baselines(directory)
    return manifest


@contextmanager
def _open_worker(
    directory: Path, name: str, options: dict[str, Any]
) -> Iterator[Callable[[list[Row]], list[Outcome]]]:
    with detector(name, **options) as opened:
        opened.keep = directory
        size = max(opened.batch_size, _AT_LEAST)
        yield lambda rows: [
            outcome for batch in batches(rows, size) for outcome in _batch(directory, opened, batch)
        ]


def _batch(directory: Path, opened: Detector, rows: list[Row]) -> list[Outcome]:
    reads = [partial(read_face, directory / row.image) for row in rows]
    try:
        detections = opened.detect_rows(rows, reads)
    except (ImageError, NoDetectionsError):  # one of them: find out which, and keep the others
        return [_detected(opened, row, read) for row, read in zip(rows, reads, strict=True)]
    return [_kept(opened, row, each) for row, each in zip(rows, detections, strict=True)]


def _detected(opened: Detector, row: Row, read: ReadImage) -> Outcome:
    try:
        return _kept(opened, row, opened.detect_row(row, read))
    except ImageError as error:
        return Dropped(row.id, UNREADABLE, str(error))
    except NoDetectionsError as error:
        return Dropped(row.id, NOT_CACHED, str(error))


def _kept(opened: Detector, row: Row, detections: Detections | None) -> Kept:
    detected = row.model_copy(update={"detections": detections, "detector": opened.info})
    return Kept(dump_row(detected), NO_FACE if detections is None else FACE)
