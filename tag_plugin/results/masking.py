"""Does a model use what it cites? Faces with its cited boxes masked, against random boxes.

The same model answers three times: on the face, on the face with the boxes masked that it cited,
and on the face with as many boxes of the same sizes at random places. If the cited regions are
evidence, masking them flips the answer more often than masking elsewhere does.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tag_plugin.data.console import progress
from tag_plugin.data.face_frame import ImageError, read_face, write_face
from tag_plugin.data.rows import Row, write_rows
from tag_plugin.data.terminal import warn
from tag_plugin.facs.boxes import FACE_FRAME, Box, BoxFrame, to_frame
from tag_plugin.results.reader import TaskRun
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.record import JudgedSample

CITED: Final = "masked_cited"
RANDOM: Final = "masked_random"
_DRAWS: Final = 64
_SAME_AREA: Final = 0.05
"""Random boxes may cover this share more or less than the cited ones."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MaskedSet:
    """How many faces were masked, and the mean share of the frame that the masks cover."""

    faces: int
    left_out: int
    cited_area: float
    random_area: float
    overlap: float


def mask_run(run: TaskRun, data_dir: Path, seed: int = 0) -> MaskedSet:
    """Write both masked test sets of a run under `data_dir`, as `prepare` writes datasets.

    A face is left out when there was no answer, no readable box of a known AU, or no picture; the
    last is named on stderr.

    Raises:
        ResultsError: no face can be masked, or the run kept no samples.
    """
    samples = list(run.samples())
    usable = [sample for sample in samples if sample.prediction and cited_boxes(sample)]
    if not usable:
        raise ResultsError(
            f"{run.samples_file}: no answer cites a box; next: mask a run of a grounded task"
        )
    areas: dict[str, tuple[float, float, float]] = {}
    for sample in progress(usable, "masking", len(usable)):
        try:
            areas[sample.id] = _write_pair(sample, data_dir, seed)
        except ImageError as error:
            warn(f"{sample.id} left out: {error}")
    if not areas:
        raise ResultsError(
            f"{run.samples_file}: none of the pictures that it names can be read here; next: mask "
            "where the evaluation ran"
        )
    for dataset in (CITED, RANDOM):
        rows = (
            Row(
                id=sample.id,
                dataset=dataset,
                split="test",
                image=_relative_image(sample),
                label=sample.gold,
                label_set=sample.label_set,
            )
            for sample in usable
            if sample.id in areas
        )
        write_rows(data_dir / dataset / "prepared" / "test.jsonl", rows)
    means = np.mean(list(areas.values()), axis=0)
    return MaskedSet(len(areas), len(samples) - len(areas), *(float(mean) for mean in means))


def cited_boxes(sample: JudgedSample) -> list[Box]:
    """The boxes that an answer cites: readable, in the frame, of a known AU."""
    return [c.box for c in sample.claims if c.box is not None and c.au is not None]


def mask_of(boxes: Iterable[Box]) -> Mask:
    """(448, 448), true where a box lies."""
    mask = np.zeros((FACE_FRAME, FACE_FRAME), dtype=np.bool_)
    for box in boxes:
        x1, y1, x2, y2 = to_frame(box, BoxFrame.ABSOLUTE)
        mask[y1:y2, x1:x2] = True
    return mask


def random_mask(boxes: Sequence[Box], name: str, seed: int) -> Mask:
    """Boxes of the same sizes at random places: covering as much, up to 5 %; the nearest else."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    wanted = int(mask_of(boxes).sum())
    best, error = mask_of(boxes[:0]), wanted
    for _ in range(_DRAWS):
        drawn = mask_of(_moved(box, random) for box in boxes)
        if abs(int(drawn.sum()) - wanted) < error:
            best, error = drawn, abs(int(drawn.sum()) - wanted)
        if error <= _SAME_AREA * wanted:
            break
    return best


def apply_mask(face: NDArray[np.uint8], mask: Mask) -> NDArray[np.uint8]:
    """The face with its own mean colour in the place of the mask."""
    masked = face.copy()
    masked[mask] = face.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    return masked


def _moved(box: Box, random: np.random.Generator) -> Box:
    width, height = box.x2 - box.x1, box.y2 - box.y1
    x, y = (int(random.integers(0, 1001 - side)) for side in (width, height))
    return Box(x, y, x + width, y + height)


def _write_pair(sample: JudgedSample, data_dir: Path, seed: int) -> tuple[float, float, float]:
    face, boxes = read_face(Path(sample.image)), cited_boxes(sample)
    cited, random = mask_of(boxes), random_mask(boxes, sample.id, seed)
    for dataset, mask in ((CITED, cited), (RANDOM, random)):
        path = data_dir / dataset / _relative_image(sample)
        write_face(path, Image.fromarray(apply_mask(face, mask)))
    return float(cited.mean()), float(random.mean()), float((cited & random).mean())


def _relative_image(sample: JudgedSample) -> str:
    name = hashlib.sha256(sample.id.encode()).hexdigest()[:24]  # an id may hold any character
    return f"images/test/{name}.jpg"


def paired_samples(
    first: Iterable[JudgedSample], *others: Iterable[JudgedSample]
) -> Iterator[tuple[JudgedSample, ...]]:
    """The samples of several runs side by side, of the ids that all of them judged."""
    tables = [{s.id: s for s in run if s.failed is None} for run in (first, *others)]
    for name in tables[0]:
        if all(name in table for table in tables):
            yield tuple(table[name] for table in tables)
