"""Do the boxes follow the picture? Faces mirrored, and shifted by a tenth of the frame.

No label is needed: a model that looks names the same AUs, and its boxes move with the picture. One
whose boxes stay where faces usually have them does not. On a face in the middle a mirrored box
covers much of itself, so each IoU is set against that of the same box left where it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME, Box, BoxError, iou
from tag_plugin.results.changed_faces import (
    Face,
    cited_boxes,
    paired_samples,
    require_one_model,
    write_changed,
)
from tag_plugin.results.reader import TaskRun
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.estimates import Estimate, estimate, share_estimate
from tag_plugin.scoring.matching import Target, pair
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.statistics import Floats, resampled_sums

MIRRORED: Final = "mirrored"
SHIFTED: Final = "shifted"
SHIFT: Final = 45
"""Pixels, across and down: a tenth of the frame, towards the sides with more room."""
_INSIDE: Final = 0.5
"""A box of which less stays in the picture is not looked at."""
_MOST_CLAIMS: Final = 20
"""So many of an answer are looked at."""

Move = Callable[[Sequence[Box], Box], Box | None]
"""Where a box of the face lies in the moved one, given all its boxes; None: not in the picture."""


@dataclass(frozen=True, slots=True)
class Movement:
    """How one model's answers follow one movement of the picture.

    `units` is the mean agreement (Dice) of the claimed AUs, `answers` the share of equal answers.
    Of AUs that are claimed both times: `moved` is the mean IoU of the new box with the old one
    moved, `still` that of a box that stays, `follows` = (moved - still) / (1 - still).
    """

    n: int
    units: Estimate | None
    answers: Estimate | None
    moved: Estimate | None
    still: Estimate | None
    follows: Estimate | None


def move_run(run: TaskRun, data_dir: Path) -> tuple[int, int]:
    """Write both moved test sets of a run; returns how many faces are in them, and left out.

    Raises:
        ResultsError: no answer cites a box, or the run kept no samples.
    """

    def change(sample: JudgedSample, face: Face) -> dict[str, Face]:
        return {
            MIRRORED: face[:, ::-1],
            SHIFTED: shifted_face(face, direction(cited_boxes(sample))),
        }

    counts = write_changed(run, data_dir, (MIRRORED, SHIFTED), change)
    return counts["written"], counts["unusable"]


def direction(boxes: Sequence[Box]) -> tuple[int, int]:
    """(x, y), each 1 or -1: towards the sides of the frame that are farther from the boxes."""
    sides = np.array([box.as_tuple() for box in boxes])
    low, high = sides[:, :2].min(axis=0), BOX_SCALE - sides[:, 2:].max(axis=0)
    across, down = np.where(high >= low, 1, -1).tolist()
    return across, down


def shifted_face(face: Face, towards: tuple[int, int]) -> Face:
    """The face moved by SHIFT pixels; what comes into the frame repeats the picture's edge."""
    padded = np.pad(face, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    left, top = (SHIFT - SHIFT * way for way in towards)
    return padded[top : top + FACE_FRAME, left : left + FACE_FRAME]


def mirrored_box(_: Sequence[Box], box: Box) -> Box:
    """The box in the mirrored picture."""
    return Box(BOX_SCALE - box.x2, box.y1, BOX_SCALE - box.x1, box.y2)


def shifted_box(boxes: Sequence[Box], box: Box) -> Box | None:
    """The box in the shifted picture, cut at its edges; None where most of it is outside."""
    x, y = (way * SHIFT * BOX_SCALE / FACE_FRAME for way in direction(boxes))
    moved = np.array(box.as_tuple()) + np.array([x, y, x, y])
    try:
        inside = Box(*np.clip(moved, 0, BOX_SCALE).round().astype(int).tolist())
    except BoxError:
        return None
    return inside if _area(inside) >= _INSIDE * _area(box) else None


MOVES: Final[Mapping[str, Move]] = {MIRRORED: mirrored_box, SHIFTED: shifted_box}
"""Dataset of moved faces -> where their boxes go."""


def movement(original: TaskRun, moved: TaskRun, dataset: str) -> Movement:
    """Compare a run with the same model's run on the moved faces.

    Raises:
        ResultsError: the runs are of other models or questions, or share no answered face.
    """
    require_one_model(original, moved)
    paired = paired_samples(original.samples(), moved.samples())
    pairs = [(one, two) for one, two in paired if one.prediction and cited_boxes(one)]
    if not pairs:
        raise ResultsError(
            f"{original.results_file} and {moved.results_file} share no answered item; next: "
            f"tag-plugin mask {original.results_file} --moved again"
        )
    return followed(pairs, MOVES[dataset])


def followed(pairs: Sequence[tuple[JudgedSample, JudgedSample]], move: Move) -> Movement:
    """From (original, moved) of each face; intervals are by face."""
    table = np.array([_of_face(one, two, partial(move, cited_boxes(one))) for one, two in pairs])
    values, drawn = _values(table.sum(axis=0)), _values(resampled_sums(table))
    units, _, moved, still, follows = map(estimate, values, drawn)
    answers = share_estimate(values[1], len(pairs))
    return Movement(len(pairs), units, answers, moved, still, follows)


def _of_face(
    one: JudgedSample, two: JudgedSample, move: Callable[[Box], Box | None]
) -> tuple[float, ...]:
    """1, agreement of AUs, equal answer; pairs of boxes, their IoU, the IoU had they stayed."""
    first, second = (
        [(c.au, c.box) for c in each.claims[:_MOST_CLAIMS] if c.au is not None and c.box]
        for each in (one, two)
    )
    units, others = ({au for au, _ in each} for each in (first, second))
    old = [(Target(au, there), iou(there, box)) for au, box in first if (there := move(box))]
    matches = pair(second, [target for target, _ in old], threshold=0.0)
    return (
        1.0,
        2 * len(units & others) / (len(units) + len(others)),
        float(one.prediction == two.prediction),
        float(len(matches)),
        sum(match.iou for match in matches),
        sum(old[match.target][1] for match in matches),
    )


def _values(sums: Floats) -> list[Floats]:
    """(..., 6) sums -> each field of `Movement` but n, (...); NaN where it does not apply."""
    faces, units, answers, boxes, moved, still = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        follows = (moved - still) / (boxes - still)
        return [units / faces, answers / faces, moved / boxes, still / boxes, follows]


def _area(box: Box) -> int:
    return (box.x2 - box.x1) * (box.y2 - box.y1)
