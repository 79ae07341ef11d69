"""Confidences -> probabilities; needs no ultralytics."""

import numpy as np
import pytest

from tag_plugin.detectors.yolo.calibration import MIN_AUC, Calibration, apply, fit


def faces(count=2000, seed=0, skill=1.5):
    """Confidences that are higher where the AU is present, and far below 0.5 everywhere."""
    random = np.random.default_rng(seed)
    present = random.random(count) < 0.2
    logits = random.normal(-3, 1, count) + skill * present
    return 1 / (1 + np.exp(-logits)), present


def test_a_half_means_more_likely_present_than_not():
    confidences, present = faces()
    calibration, auc = fit(confidences, present)
    probabilities = apply(confidences[:, None], [calibration])[:, 0]
    assert auc == pytest.approx(0.855, abs=0.03)
    for low, high in ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7)):
        inside = (probabilities >= low) & (probabilities < high)
        assert present[inside].mean() == pytest.approx((low + high) / 2, abs=0.12)


def test_the_order_of_faces_stays():
    confidences, present = faces()
    calibration, _ = fit(confidences, present)
    order = np.argsort(confidences)
    assert (np.diff(apply(confidences[order, None], [calibration])[:, 0]) >= 0).all()


def test_a_network_that_cannot_tell_stays_below_the_bar():
    _, auc = fit(*faces(skill=0.0))
    assert auc < MIN_AUC


@pytest.mark.parametrize("shown", [0, 4, 1996, 2000])
def test_too_few_faces_say_nothing(shown):
    confidences, _ = faces()
    assert fit(confidences, np.arange(2000) < shown) is None


def test_without_a_fit_the_usual_threshold_is_a_half():
    values = apply(np.array([[0.0], [0.25], [1.0]]), [Calibration()])[:, 0]
    assert values[0] == 0.0
    assert values[1] == pytest.approx(0.5, abs=0.001)
    assert values[2] == 1.0
