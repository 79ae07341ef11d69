"""Fitting the heads: meshes and expression labels -> a linear head for each AU.

Weakly supervised: nobody labelled AUs. Positives of an AU are the faces of emotions whose published
prototype has it with weight >= 0.5, negatives those of emotions without it, the classes weighted
alike (contempt aside). What a head may learn is bounded: only its own region's points, and the
motions of `detectors.motions`. Logistic regression with a ridge and these bounds, by Newton:
nothing is random, the same faces give the same file.

Thresholds come from neutral faces whose scores are of heads that were not fitted on them (two
halves, each scored by the other's head).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from tag_plugin.data.console import progress
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.heads import Head, Heads, both_sides, pose_of
from tag_plugin.detectors.mesh import Aligned, Points, align, frontal_reference, mirrored
from tag_plugin.detectors.motions import MUST_NOT_RAISE, SPREADS, motion
from tag_plugin.detectors.plans import PLANS, Plan
from tag_plugin.facs.prototypes import OWN_WEIGHT, PROTOTYPES

GREY_SHARE: Final = 2.5
"""An AU is undecided on so many times as many neutral faces as it is on."""
_RIDGE, _MARGIN, _PENALTY = 0.3, 0.5, 5.0
_ROUNDS: Final = 100
_LEAST: Final = 20


@dataclass(frozen=True, slots=True)
class Faces:
    """What is fitted on: `meshes` (n, 478, 3), `blendshapes` by name (n,), `labels`."""

    meshes: Points
    blendshapes: Mapping[str, NDArray[np.float64]]
    labels: NDArray[np.str_]


def emotions_of(au: int) -> tuple[list[str], list[str]]:
    """The emotions whose prototype has the AU with weight >= 0.5, and those without it."""
    named = [emotion for emotion in PROTOTYPES if emotion != "contempt"]
    return (
        [emotion for emotion in named if PROTOTYPES[emotion].get(au, 0) >= OWN_WEIGHT],
        [emotion for emotion in named if au not in PROTOTYPES[emotion]],
    )


def weighted_auc(au: int, scores: NDArray[np.float64], labels: NDArray[np.str_]) -> float | None:
    """AUC of the AU's positives against its negatives, the classes weighted alike; None without."""
    chosen, positive, weights = _weighed(au, labels, 1.0)
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, scores[chosen], sample_weight=weights))


def fit(faces: Faces, card: Mapping[str, Any]) -> Heads:
    """Heads for every AU of `PLANS` whose emotions are among the labels.

    Raises:
        DetectorError: too few neutral faces, or of no AU both positives and negatives.
    """
    neutral = faces.labels == "neutral"
    if neutral.sum() < _LEAST:
        raise DetectorError(
            f"{neutral.sum()} neutral faces; thresholds need {_LEAST}; next: more faces"
        )
    reference, mirror = frontal_reference(faces.meshes[neutral])
    aligned = align(faces.meshes, reference)
    halves = np.stack([aligned.points, mirrored(aligned.points, mirror)]) - reference
    heads, scores = {}, {}
    for au, plan in progress(PLANS.items(), "heads", len(PLANS)):
        if min(map(len, _sides_of(au, faces.labels))) >= _LEAST:
            head = _Fitting(au, plan, halves, aligned, faces, reference, mirror)
            heads[au], scores[au] = head.fitted()
    if not heads:
        raise DetectorError("no emotion with enough faces beside neutral; next: more faces")
    return Heads(
        reference=reference.round(5).tolist(),
        mirror=mirror.tolist(),
        heads=heads,
        card={**card, **_described(scores, faces.labels)},
    )


def _sides_of(au: int, labels: NDArray[np.str_]) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    positive, negative = emotions_of(au)
    return labels[np.isin(labels, positive)], labels[np.isin(labels, negative)]


def _weighed(
    au: int, labels: NDArray[np.str_], neutral: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    """The faces that count (n,), of these whether they are positive, and their weights."""
    positive, negative = emotions_of(au)
    weights = np.zeros(len(labels))
    for emotion in (*positive, *negative):
        of_it = labels == emotion
        weights[of_it] = (neutral if emotion == "neutral" else 1.0) / max(1, of_it.sum())
    chosen, is_positive = np.isin(labels, (*positive, *negative)), np.isin(labels, positive)
    for side in (is_positive, chosen & ~is_positive):
        weights[side] /= 2 * max(weights[side].sum(), 1e-12)
    return chosen, is_positive[chosen], weights[chosen]


class _Fitting:
    """One AU's head from all faces, and scores of faces that it was not fitted on."""

    def __init__(
        self,
        au: int,
        plan: Plan,
        halves: NDArray[np.float64],
        aligned: Aligned,
        faces: Faces,
        reference: NDArray[np.float64],
        mirror: NDArray[np.intp],
    ) -> None:
        self._au, self._plan, self._labels, self._yaw = au, plan, faces.labels, aligned.yaw
        self._points = sorted(
            {p if reference[p, 0] < 1e-6 else int(mirror[p]) for p in plan.points}
        )
        moved = halves[:, :, self._points].reshape(2, len(faces.labels), -1)
        columns = [moved, np.broadcast_to(pose_of(aligned), (2, *pose_of(aligned).shape))]
        if plan.blendshape is not None:
            columns.append(both_sides(plan.blendshape, faces.blendshapes)[:, :, None])
        self._halves = np.concatenate(columns, axis=2)
        self._bounds, self._least = self._motions(reference, mirror)

    def fitted(self) -> tuple[Head, NDArray[np.float64]]:
        """The head, and the score (n,) of each face by the head of the other half of the faces."""
        everyone = np.ones(len(self._labels), dtype=bool)
        even = np.arange(len(self._labels)) % 2 == 0
        weights, bias = self._solved(everyone)
        sides = np.empty((2, len(self._labels)))
        for held_out in (even, ~even):
            other, shift = self._solved(~held_out)
            sides[:, held_out] = self._halves[:, held_out] @ other + shift
        scores = sides.mean(axis=0)
        return self._head(weights, bias, scores, sides), scores

    def _solved(self, faces: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        """Weights (features,) and bias on these faces."""
        labels = np.tile(self._labels[faces], 2)  # both halves of a face stand beside each other
        chosen, positive, weights = _weighed(self._au, labels, self._plan.neutral)
        features = self._halves[:, faces].reshape(len(labels), -1)[chosen]
        mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
        scaled = np.column_stack([(features - mean) / spread, np.ones(len(features))])
        bounds = np.column_stack([self._bounds / spread, np.zeros(len(self._bounds))])
        found = _minimum(scaled, np.where(positive, 1.0, -1.0), weights, bounds, self._least)
        slopes = found[:-1] / spread
        return slopes, float(found[-1] - slopes @ mean)

    def _motions(
        self, reference: NDArray[np.float64], mirror: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What each motion does to the features, and by how much the score has to rise at least."""
        rows, least = [], []
        for au, sign, rise in (
            (self._au, 1, _MARGIN),
            *((other, -1, 0.0) for other in MUST_NOT_RAISE.get(self._au, ())),
        ):
            for spread in SPREADS[au]:
                row = np.zeros(self._halves.shape[2])
                moved = motion(au, spread, reference, mirror)[self._points].reshape(-1)
                row[: len(moved)] = sign * moved
                rows.append(row)
                least.append(rise)
        if self._plan.blendshape is not None:
            rows.append(np.eye(self._halves.shape[2])[-1])
            least.append(0.0)
        return np.array(rows), np.array(least)

    def _head(
        self,
        weights: NDArray[np.float64],
        bias: float,
        scores: NDArray[np.float64],
        sides: NDArray[np.float64],
    ) -> Head:
        neutral, size = self._labels == "neutral", 3 * len(self._points)
        positive = np.isin(self._labels, emotions_of(self._au)[0])
        apart, yaw = (sides[0] - sides[1])[neutral], self._yaw[neutral]
        turn = float(apart @ yaw / (yaw @ yaw))
        off = self._plan.off
        shares = (0.005, 0.5, 1 - GREY_SHARE * (1 - off), off)
        places = np.quantile(scores[neutral], shares)
        full = max(np.quantile(scores[positive], 0.995), 2 * places[3] - places[2])
        return Head(
            points=tuple(self._points),
            weights=tuple(_short(weights[:size])),
            blendshape=self._plan.blendshape,
            blendshape_weight=_short(weights[size + 4 :])[0] if self._plan.blendshape else 0.0,
            pose=tuple(_short(weights[size : size + 4])),
            bias=round(bias, 5),
            curve=tuple(
                (round(float(place), 4), probability)
                for place, probability in zip(
                    (*places, full), (0.0, 0.1, 0.3, 0.5, 1.0), strict=True
                )
            ),
            turn=round(turn, 4),
            gap=round(float(np.quantile(np.abs(apart - turn * yaw), 0.99)), 4),
        )


def _minimum(
    features: NDArray[np.float64],
    signs: NDArray[np.float64],
    weights: NDArray[np.float64],
    bounds: NDArray[np.float64],
    least: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Weights of the logistic regression whose `bounds` reach `least`; the last one has no ridge.

    Newton's method with a trust region: a ridge, and a squared penalty for what falls short.
    """
    ridge = np.append(np.full(features.shape[1] - 1, 1 / (_RIDGE * len(signs))), 0.0)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins, short = signs * (features @ values), np.maximum(0, least - bounds @ values)
        pull = features.T @ (-signs * weights * expit(-margins))
        total = weights @ np.logaddexp(0, -margins) + ridge @ values**2 / 2
        return (
            float(total + _PENALTY * short @ short),
            pull + ridge * values - 2 * _PENALTY * bounds.T @ short,
        )

    def curvature(values: NDArray[np.float64]) -> NDArray[np.float64]:
        likely, short = expit(features @ values), bounds[bounds @ values < least]
        bent = (features * (weights * likely * (1 - likely))[:, None]).T @ features
        return np.asarray(bent + np.diag(ridge + 1e-9) + 2 * _PENALTY * short.T @ short)

    start = np.zeros(features.shape[1])
    options = {"maxiter": _ROUNDS, "gtol": 1e-7}
    found = minimize(loss, start, jac=True, hess=curvature, method="trust-exact", options=options)
    return np.asarray(found.x)


def _short(values: NDArray[np.float64]) -> list[float]:
    """As JSON has them: five significant digits."""
    return [float(f"{value:.5g}") for value in values]


def _described(
    scores: Mapping[int, NDArray[np.float64]], labels: NDArray[np.str_]
) -> dict[str, Any]:
    """The card's figures, of faces by the head of the other half: AUC by AU, and by emotion."""
    neutral = labels == "neutral"
    table: dict[str, Any] = {}
    for au, score in scores.items():
        against_neutral = {}
        for emotion in _present(labels):
            chosen = neutral | (labels == emotion)
            truth = labels[chosen] == emotion
            against_neutral[emotion] = round(float(roc_auc_score(truth, score[chosen])), 3)
        auc = weighted_auc(au, score, labels)
        table[f"AU{au}"] = {
            "auc": None if auc is None else round(auc, 3),
            "against_neutral": against_neutral,
            "off_on_neutral": PLANS[au].off,
        }
    faces = {emotion: int((labels == emotion).sum()) for emotion in ("neutral", *_present(labels))}
    return {"faces": faces, "aus": table}


def _present(labels: NDArray[np.str_]) -> Sequence[str]:
    return [emotion for emotion in PROTOTYPES if emotion != "neutral" and (labels == emotion).any()]


def auc_table(heads: Heads) -> Table:
    """The card's AUCs, an AU a line, for the terminal."""
    aus, table = heads.card["aus"], Table(title="AUC on faces of the half that was not fitted on")
    emotions = [name for name in heads.card["faces"] if name != "neutral"]
    for column in ("AU", "all", *emotions):
        table.add_column(column, justify="right")
    for name, each in aus.items():
        against = each["against_neutral"]
        table.add_row(name, *(f"{value:.3f}" for value in (each["auc"], *against.values())))
    return table
