"""How far two detectors agree, AU by AU."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tag_plugin.detectors.au_arrays import AUS, Reading
from tag_plugin.detectors.base import DetectorError
from tag_plugin.facs.detections import Thresholds


@dataclass(frozen=True, slots=True)
class AuAgreement:
    """Two detectors, A and B, on one AU. A number that does not apply is None.

    Attributes:
        au: the AU.
        faces: faces on which both measure it.
        decided: of these, the faces that neither leaves undecided.
        on: how many of the decided ones A calls present, and B.
        rate: share of the decided faces on which they say the same.
        kappa: Cohen's kappa of the decided faces (J. Cohen, "A coefficient of agreement for
            nominal scales", 1960): 1 full agreement, 0 what chance would give.
        correlation: Pearson's, of the probabilities on all `faces`.
        iou: mean IoU of the boxes on the faces that both call present; on all `faces` when
            there is none.
    """

    au: int
    faces: int
    decided: int
    on: tuple[int, int]
    rate: float | None
    kappa: float | None
    correlation: float | None
    iou: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two detectors on the rows that both have.

    Attributes:
        names: the detectors, with their versions.
        rows: rows that both have.
        faces: rows in which both found a face, only A, only B, none.
        aus: the AUs that both measure somewhere.
        alone: the AUs that only A, and only B, measures.
    """

    names: tuple[str, str]
    rows: int
    faces: tuple[int, int, int, int]
    aus: tuple[AuAgreement, ...]
    alone: tuple[tuple[int, ...], tuple[int, ...]]


def compare(first: Reading, second: Reading) -> Agreement:
    """Compare two readings over the rows that both have.

    Raises:
        DetectorError: they share no row.
    """
    places = {row_id: place for place, row_id in enumerate(second.ids)}
    pairs = [(n, places[row_id]) for n, row_id in enumerate(first.ids) if row_id in places]
    if not pairs:
        raise DetectorError("the two have no row in common; next: compare them on one dataset")
    left, right = (np.array(side) for side in zip(*pairs, strict=True))
    a, b = first.face[left], second.face[right]
    measured = [np.asarray(~np.isnan(r.probabilities).all(axis=0)) for r in (first, second)]
    return Agreement(
        names=(first.name, second.name),
        rows=len(pairs),
        faces=(int((a & b).sum()), int((a & ~b).sum()), int((b & ~a).sum()), int((~a & ~b).sum())),
        aus=tuple(_one(au, first, second, left, right) for au in _aus(measured[0] & measured[1])),
        alone=(_aus(measured[0] & ~measured[1]), _aus(measured[1] & ~measured[0])),
    )


def _one(
    au: int,
    first: Reading,
    second: Reading,
    left: NDArray[np.intp],
    right: NDArray[np.intp],
) -> AuAgreement:
    column = AUS.index(au)
    p, q = first.probabilities[left, column], second.probabilities[right, column]
    both = ~np.isnan(p) & ~np.isnan(q)
    p, q = p[both], q[both]
    decided = _decided(p, first.info.thresholds) & _decided(q, second.info.thresholds)
    on = (p >= first.info.thresholds.on) & decided, (q >= second.info.thresholds.on) & decided
    overlaps = _iou(first.boxes[left, column][both], second.boxes[right, column][both])
    together = on[0] & on[1]
    return AuAgreement(
        au=au,
        faces=len(p),
        decided=int(decided.sum()),
        on=(int(on[0].sum()), int(on[1].sum())),
        rate=_mean((on[0] == on[1])[decided].astype(float)),
        kappa=_kappa(on[0][decided], on[1][decided]),
        correlation=_correlation(p, q),
        iou=_mean(overlaps[together] if together.any() else overlaps),
    )


def _decided(probabilities: NDArray[np.float32], limits: Thresholds) -> NDArray[np.bool_]:
    return (probabilities >= limits.on) | (probabilities < limits.grey)


def _kappa(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float | None:
    """None where chance alone gives full agreement: both always say the same one thing."""
    if not a.size:
        return None
    chance = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    return None if chance == 1 else float(((a == b).mean() - chance) / (1 - chance))


def _correlation(p: NDArray[np.float32], q: NDArray[np.float32]) -> float | None:
    if p.size < 2 or np.ptp(p) == 0 or np.ptp(q) == 0:
        return None
    return float(np.corrcoef(p, q)[0, 1])


def _iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row by row, (n, 4) and (n, 4) -> (n,); nan where one has no box."""
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    overlap = (high - low).clip(0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    return np.asarray(overlap / (areas[0] + areas[1] - overlap))


def _mean(values: NDArray[np.floating[Any]]) -> float | None:
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if numbers.size else None


def _aus(columns: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(AUS[column] for column in np.flatnonzero(columns).tolist())
