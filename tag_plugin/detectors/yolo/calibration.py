"""A network's confidence -> the probability that the AU is present (Platt scaling).

    p = 1 / (1 + exp(-(slope * logit(confidence) + intercept)))

A YOLO's confidence also falls where a box is hard to place, so 0.5 is not its "more likely than
not". Slope and intercept of each AU are fitted by logistic regression on the faces of the dev
split, as J. Platt, "Probabilistic outputs for support vector machines", 1999, does for SVMs.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from tag_plugin.facs.frozen import Frozen

MIN_AUC = 0.7
"""An AU that the network ranks worse than this on the dev split is not supported."""

_CLIP = 1e-4
_FEWEST = 5  # faces with and without the AU; fewer say nothing


class Calibration(Frozen):
    """The scale of one AU."""

    slope: float = 1.0
    intercept: float = 1.0986
    """The default puts ultralytics' usual threshold, a confidence of 0.25, at 0.5."""


def fit(
    confidences: NDArray[np.float64], present: NDArray[np.bool_]
) -> tuple[Calibration, float] | None:
    """The scale of one AU and its AUC; None when the faces cannot tell.

    Args:
        confidences: (faces,), 0..1.
        present: (faces,), whether the labels show the AU; without the undecided faces.
    """
    if min(present.sum(), (~present).sum()) < _FEWEST:
        return None
    scores = _logit(confidences)
    model = LogisticRegression().fit(scores[:, None], present)
    calibration = Calibration(
        slope=round(float(model.coef_[0, 0]), 4), intercept=round(float(model.intercept_[0]), 4)
    )
    return calibration, round(float(roc_auc_score(present, scores)), 3)


def apply(
    confidences: NDArray[np.float64], calibrations: Sequence[Calibration]
) -> NDArray[np.float64]:
    """Confidences (faces, AUs) as probabilities to three decimals, one scale a column."""
    slopes = np.array([each.slope for each in calibrations])
    intercepts = np.array([each.intercept for each in calibrations])
    return np.asarray(expit(slopes * _logit(confidences) + intercepts)).round(3)


def _logit(confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(confidences.clip(_CLIP, 1 - _CLIP)))
