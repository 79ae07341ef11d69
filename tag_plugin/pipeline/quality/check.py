"""quality: prepared rows -> the rows whose frames are good enough, every drop with its reason.

It stands between prepare and detect: what it drops costs no detection and no writing, and its
landmarks are its own, so that it judges alike whatever detector comes next. The test split is
measured and reported, never cut: it stays the benchmark that others report on.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tag_plugin.data.face_frame import ImageError, read_face
from tag_plugin.data.rows import NO_FACE, Row, Split, dump_row
from tag_plugin.detectors.face_landmarker_model import SHA256
from tag_plugin.pipeline.duplicates import (
    DISTANCE,
    TWO_LABELS,
    Duplicate,
    find_duplicates,
    two_labels,
)
from tag_plugin.pipeline.face_finder import FaceFinder
from tag_plugin.pipeline.inputs import (
    CHECKED,
    CHECKED_MANIFEST,
    RowFile,
    digests,
    prepared_files,
)
from tag_plugin.pipeline.manifest import Manifest, write_list
from tag_plugin.pipeline.outcomes import Dropped, Kept, Outcome
from tag_plugin.pipeline.quality.limits import Limits, faults
from tag_plugin.pipeline.quality.measures import geometry, light
from tag_plugin.pipeline.stage import Execution, Stage

DUPLICATES: Final = "duplicates.jsonl"
GOOD: Final = "good"
DUPLICATE: Final = "picture also in {split}"
CUT: tuple[Split, ...] = ("train", "dev")
"""The splits that lose rows."""


@dataclass(frozen=True, slots=True)
class QualitySettings(Execution):
    """`directory` is DATA_DIR/<dataset>.

    Attributes:
        limits: what a frame must keep to.
        keep_duplicates: report pictures that are in two splits, and leave them there.
    """

    directory: Path
    limits: Limits
    keep_duplicates: bool = False


def check(settings: QualitySettings) -> Manifest:
    """Write `checked/<split>.jsonl`, duplicates.jsonl and two_labels.jsonl beside it; resumes.

    Raises:
        DetectorError: landmarks are needed and mediapipe or its model is missing.
        StageError: nothing is prepared, or `checked` was made with other settings.
    """
    directory = settings.directory
    stage = Stage(directory, CHECKED, CHECKED_MANIFEST, f"tag-plugin quality {directory}", settings)
    inputs = prepared_files(directory)
    decisive = {
        "limits": settings.limits.model_dump(mode="json"),
        "landmarks": SHA256 if settings.limits.looks_for_faces else None,
        "duplicates": "kept" if settings.keep_duplicates else f"dropped up to {DISTANCE} bits",
        "input": digests(inputs.values()),
    }
    if settings.limits.looks_for_faces:
        FaceFinder().close()  # what is missing is said now, not in a worker
    with stage.opened(decisive) as manifest:
        duplicates = find_duplicates(inputs)
        write_list(directory / DUPLICATES, duplicates)
        write_list(directory / TWO_LABELS, two_labels(directory, inputs))
        cut = () if settings.keep_duplicates else duplicates
        copies = {(each.split, each.id): each for each in cut}
        worker = partial(_open_worker, directory, settings.limits, copies)
        return stage.run(manifest, {split: RowFile(path) for split, path in inputs.items()}, worker)


@contextmanager
def _open_worker(
    directory: Path, limits: Limits, duplicates: Mapping[tuple[Split, str], Duplicate]
) -> Iterator[Callable[[list[Row]], list[Outcome]]]:
    with closing(FaceFinder(1)) if limits.looks_for_faces else nullcontext() as finder:
        yield lambda rows: [_checked(directory, limits, duplicates, finder, row) for row in rows]


def _checked(
    directory: Path,
    limits: Limits,
    duplicates: Mapping[tuple[Split, str], Duplicate],
    finder: FaceFinder | None,
    row: Row,
) -> Outcome:
    copy = duplicates.get((row.split, row.id))
    if copy is not None:
        return Dropped(row.id, DUPLICATE.format(split=copy.of_split), str(copy))
    try:
        frame = read_face(directory / row.image)
    except ImageError as error:
        return Dropped(row.id, error.reason, str(error))
    side = row.frame.side if row.frame else None
    face = {} if finder is None else geometry(frame, side, finder)
    measures = {**light(frame), **face}
    fault = (NO_FACE, "") if limits.face and not face else next(faults(measures, limits), None)
    if fault is not None and row.split in CUT:
        return Dropped(row.id, *fault)
    note = GOOD if fault is None else f"kept in {row.split}: {fault[0]}"
    return Kept(dump_row(row.model_copy(update={"quality": measures})), note)
