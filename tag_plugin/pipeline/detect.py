"""detect: rows with face frames -> rows with Action Units and boxes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tag_plugin.data.face_frame import ImageError, read_face
from tag_plugin.data.rows import SPLITS, Row, Split, dump_row
from tag_plugin.detectors.base import Detector
from tag_plugin.detectors.registry import detector
from tag_plugin.pipeline.journal import Dropped, Kept, Outcome, StageError
from tag_plugin.pipeline.manifest import Manifest
from tag_plugin.pipeline.stage import RowFile, Stage, digests

FACE, NO_FACE = "face", "no face"
UNREADABLE = "image missing or unreadable"


@dataclass(frozen=True, slots=True)
class DetectSettings:
    """`directory` is DATA_DIR/<dataset>; `options` go to the detector's factory."""

    directory: Path
    detector: str = "mediapipe"
    options: Mapping[str, Any] = field(default_factory=dict)
    workers: int = 1
    restart: bool = False


def detect(settings: DetectSettings) -> Manifest:
    """Write `detected/<split>.jsonl` for every prepared split; resumes where it stopped.

    A row without a face stays, with `detections` None.

    Raises:
        DetectorError: the detector or its model is missing.
        StageError: nothing is prepared, or `detected` was made with other settings.
    """
    command = f"tag-plugin detect {settings.directory} --detector {settings.detector}"
    stage = Stage(settings.directory, "detected", "detect.json", command, settings.workers)
    inputs = _inputs(settings.directory)
    with detector(settings.detector, **settings.options) as opened:
        decisive = {**opened.info.model_dump(mode="json"), "supported": sorted(opened.supported)}
    manifest = stage.open({**decisive, "input": digests(inputs.values())}, restart=settings.restart)
    splits = {split: RowFile(path) for split, path in inputs.items()}
    worker = partial(_open_worker, settings.directory, settings.detector, dict(settings.options))
    return stage.run(manifest, splits, worker)


def _inputs(directory: Path) -> dict[Split, Path]:
    paths = {split: directory / "prepared" / f"{split}.jsonl" for split in SPLITS}
    found = {split: path for split, path in paths.items() if path.is_file()}
    if not found:
        raise StageError(
            f"no prepared rows in {directory / 'prepared'}; next: "
            f"tag-plugin prepare {directory.name} --root DIR --out {directory.parent}"
        )
    return found


@contextmanager
def _open_worker(
    directory: Path, name: str, options: dict[str, Any]
) -> Iterator[Callable[[Row], Outcome]]:
    with detector(name, **options) as opened:
        yield partial(_detected, directory, opened)


def _detected(directory: Path, opened: Detector, row: Row) -> Outcome:
    try:
        found = opened.detect_row(row, partial(read_face, directory / row.image))
    except ImageError as error:
        return Dropped(row.id, UNREADABLE, str(error))
    detected = row.model_copy(update={"detections": found, "detector": opened.info})
    return Kept(dump_row(detected), NO_FACE if found is None else FACE)
