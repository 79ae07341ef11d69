"""The baselines of `scoring.baselines`, fitted on the faces of a train split."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import BOX_SCALE, Box, BoxFrame, iou
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.scoring.baselines import Baselines
from tag_plugin.scoring.matching import Target, phi
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig, Reference, grounding_of
from tag_plugin.scoring.statistics import Floats

_UNITS: Final = tuple(ACTION_UNITS)
_COLUMN: Final = {au: column for column, au in enumerate(_UNITS)}
_WITHOUT, _WITH = grounding_of(0, (), ()), grounding_of(1, (), ())
"""G without and with a claim, of a face on which no AU is to be found."""


class TrainFaces:
    """What fitting needs of the faces of a train split, about 60 bytes of each.

    `config` says which AUs of a face are to be found.
    """

    def __init__(self, labels: LabelSet, config: JudgeConfig = DEFAULT_JUDGE) -> None:
        self._labels, self._config = labels, config
        self._label, self._ignored = array("h"), array("q")
        self._face, self._unit, self._box = array("q"), array("b"), array("h")

    def __len__(self) -> int:
        return len(self._label)

    def add(self, reference: Reference) -> None:
        """One more face; one without a label or detections is left out."""
        wanted = reference.wanted(self._config, BoxFrame.RELATIVE)
        if wanted is None or reference.label is None:
            return
        for target in wanted.targets:
            self._face.append(len(self))
            self._unit.append(_COLUMN[target.au])
            self._box.extend(target.box.as_tuple())
        self._label.append(self._labels.labels.index(reference.label))
        self._ignored.append(sum(1 << _COLUMN[au] for au in wanted.ignored))

    def fitted(self) -> Baselines:
        """The mean boxes; the best claim for all faces, never silence, and for each label's."""
        template = self._template()
        faces, labels = self._faces(template), np.array(self._label)
        most = self._config.top_k
        return Baselines(
            template=tuple(Target(_UNITS[column], box) for column, box in template.items()),
            constant=_best(faces.greedy([*template], most)[1:]),
            by_answer={
                self._labels.labels[label]: _best(
                    faces.of(labels == label).greedy([*template], most)
                )
                for label in np.unique(labels)
            },
        )

    def _template(self) -> dict[int, Box]:
        boxes, columns = np.array(self._box, dtype=np.float64).reshape(-1, 4), np.array(self._unit)
        return {int(c): _mean_box(boxes[columns == c]) for c in np.unique(columns)}

    def _faces(self, template: dict[int, Box]) -> "_Faces":
        earned = np.zeros((len(self), len(_UNITS)))
        for number, (face, column) in enumerate(zip(self._face, self._unit, strict=True)):
            box = Box(*self._box[4 * number : 4 * number + 4])
            credit = phi(iou(template[column], box), DEFAULT_JUDGE.iou_threshold)
            earned[face, column] = max(earned[face, column], credit)
        judged = (np.array(self._ignored)[:, None] >> np.arange(len(_UNITS))) & 1 == 0
        wanted = np.bincount(np.array(self._face, dtype=np.int64), minlength=len(self))
        return _Faces(earned, judged, wanted)


@dataclass(frozen=True, slots=True)
class _Faces:
    """(n, AUs) the credit of a template box, and whether a claim counts; (n,) AUs to be found."""

    earned: Floats
    judged: NDArray[np.bool_]
    wanted: NDArray[np.int64]

    def of(self, rows: NDArray[np.bool_]) -> "_Faces":
        return _Faces(self.earned[rows], self.judged[rows], self.wanted[rows])

    def grounding(self, columns: Sequence[int]) -> float:
        """Mean G of claiming these AUs at their template boxes on every face."""
        chosen = [*columns]
        claimed = self.judged[:, chosen].sum(axis=1)
        gained = 2 * self.earned[:, chosen].sum(axis=1) / np.maximum(claimed + self.wanted, 1)
        empty = np.where(claimed == 0, _WITHOUT, _WITH)
        return float(np.where(self.wanted == 0, empty, gained).mean())

    def greedy(self, columns: Sequence[int], most: int) -> list[tuple[float, tuple[int, ...]]]:
        """(mean G, AUs) of the sets that grow from silence by the AU that gives most."""
        path: list[tuple[float, tuple[int, ...]]] = [(self.grounding(()), ())]
        while len(path[-1][1]) < min(most, len(columns)):
            chosen = path[-1][1]
            longer = [(*chosen, column) for column in columns if column not in chosen]
            path.append(max(((self.grounding(each), each) for each in longer), key=_value))
        return path


def _value(step: tuple[float, tuple[int, ...]]) -> float:
    return step[0]


def _best(path: Sequence[tuple[float, tuple[int, ...]]]) -> tuple[int, ...]:
    """The AUs of the best step; of equal ones the shortest."""
    return tuple(sorted(_UNITS[c] for c in max(path, key=_value)[1])) if path else ()


def _mean_box(boxes: Floats) -> Box:
    # Halves go up, never to the even side: that would close a box of one unit.
    mean = np.floor(boxes.mean(axis=0) + 0.5)
    return Box(*np.clip(mean, 0, BOX_SCALE).astype(int).tolist())
