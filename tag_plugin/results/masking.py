"""Does a model use what it cites? Faces with its cited boxes masked, against other AU regions.

The same model answers three times: on the face, on the face with the boxes masked that it cited,
and on the face with as many pixels masked in AU regions of this face that it did not cite. If the
cited regions are its evidence, masking them flips the answer more often than the control does.
Masks at random places would be no control: most of them miss the face, so that whatever a model
cites on the face would seem to matter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.facs.boxes import FACE_FRAME, Box, iou, to_pixels
from tag_plugin.results.changed_faces import Face, cited_boxes, write_changed
from tag_plugin.results.reader import TaskRun
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.record import JudgedSample

CITED: Final = "masked_cited"
UNCITED: Final = "masked_uncited"
DATASETS: Final = (CITED, UNCITED)
UNCITED_BELOW: Final = 0.1
"""A region is uncited where its IoU with every cited box is below this."""
ENOUGH: Final = 0.5
"""The uncited regions must have room for this share of the cited area; both masks are as large."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MaskedSet:
    """How many faces were masked, and the mean shares that each of both masks covers.

    `too_few` faces have not enough uncited AU regions, `left_out` no answer, box or picture.
    `area` is a share of the frame, `of_cited` of what the model cited.
    """

    faces: int
    too_few: int
    left_out: int
    area: float
    of_cited: float


def mask_run(run: TaskRun, data_dir: Path) -> MaskedSet:
    """Write both masked test sets of a run under `data_dir`, as `prepare` writes datasets.

    The AU regions of a face are the boxes of all its detections, however improbable: a detector of
    a mesh, or the exact one of drawings, has a box for every AU that it can measure.

    Raises:
        ResultsError: no face can be masked, or the run kept no samples.
    """
    areas: list[tuple[float, float]] = []

    def change(sample: JudgedSample, face: Face) -> dict[str, Face] | None:
        boxes = cited_boxes(sample)
        masks = equal_masks(boxes, regions(sample))
        if masks is None:
            return None
        areas.append((float(masks[0].mean()), float(masks[0].sum() / mask_of(boxes).sum())))
        return {name: apply_mask(face, m) for name, m in zip(DATASETS, masks, strict=True)}

    counts = write_changed(run, data_dir, DATASETS, change)
    if not areas:
        raise ResultsError(
            f"{run.samples_file}: no face has enough AU regions that were not cited (its detections"
            " say where they are); next: tag-plugin detect, then evaluate again"
        )
    area, of_cited = np.mean(areas, axis=0).tolist()
    return MaskedSet(counts["written"], counts["unchanged"], counts["unusable"], area, of_cited)


def regions(sample: JudgedSample) -> list[Box]:
    """Where the AUs of this face are, whether they are on or not; one box an AU and side."""
    seen = sample.detections.detections if sample.detections else ()
    return list({(each.au, each.side): each.box for each in seen}.values())


def mask_of(boxes: Iterable[Box]) -> Mask:
    """(448, 448), true where a box lies."""
    mask = np.zeros((FACE_FRAME, FACE_FRAME), dtype=np.bool_)
    for box in boxes:
        x1, y1, x2, y2 = to_pixels(box)
        mask[y1:y2, x1:x2] = True
    return mask


def equal_masks(cited: Sequence[Box], known: Sequence[Box]) -> tuple[Mask, Mask] | None:
    """Two masks of one size: of what was cited, and of what was not; None: too little room.

    The second has no pixel of a cited box. The larger side is masked around the middles of its
    boxes only, so that the areas are the same to the pixel.
    """
    of_cited = mask_of(cited)
    uncited = [box for box in known if max(iou(box, each) for each in cited) < UNCITED_BELOW]
    room = mask_of(uncited) & ~of_cited
    size = min(int(of_cited.sum()), int(room.sum()))
    if size < ENOUGH * of_cited.sum():
        return None
    return _innermost(cited, of_cited, size), _innermost(uncited, room, size)


def apply_mask(face: Face, mask: Mask) -> Face:
    """The face with its own mean colour in the place of the mask."""
    masked = face.copy()
    masked[mask] = face.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    return masked


def _innermost(boxes: Sequence[Box], mask: Mask, size: int) -> Mask:
    """So many pixels of a mask: those nearest the middle of one of the boxes."""
    distance = np.full(mask.shape, np.inf)
    for x1, y1, x2, y2 in (to_pixels(box) for box in boxes):
        across, down = (abs(np.linspace(-1, 1, side)) for side in (x2 - x1, y2 - y1))
        part = distance[y1:y2, x1:x2]
        np.minimum(part, np.maximum(across[None, :], down[:, None]), out=part)
    distance[~mask] = np.inf
    chosen = np.zeros(mask.size, dtype=np.bool_)
    chosen[np.argsort(distance, axis=None, kind="stable")[:size]] = True
    return chosen.reshape(mask.shape)
