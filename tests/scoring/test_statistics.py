"""Intervals and tests agree with scipy's and with values worked out by hand."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap

from tag_plugin.scoring.statistics import (
    EXACT_UP_TO,
    correlation,
    holm,
    mcnemar,
    paired_difference,
    paired_share_interval,
    percentile_interval,
    resample_weights,
    resampled_sums,
    wilson_interval,
)


@pytest.mark.parametrize(("n", "share"), [(40, 0.5), (300, 0.88), (3000, 0.97)])
def test_the_interval_of_a_mean_is_scipys(n, share):
    right = (np.arange(n) < share * n).astype(float)
    sums = resampled_sums(right[:, None], resamples=4000, seed=1)[:, 0]
    mine = percentile_interval(sums / n)
    theirs = bootstrap(
        (right,), np.mean, n_resamples=4000, method="percentile", random_state=2
    ).confidence_interval
    spread = right.std() / n**0.5
    step = 1 / n  # a mean of zeros and ones cannot lie between
    near = max(0.15 * spread, 1.01 * step)
    assert (mine.low, mine.high) == pytest.approx(tuple(theirs), abs=near)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    random, held = np.random.default_rng(3), 0
    for trial in range(200):
        sample = (random.random(150) < 0.7).astype(float)
        values = resampled_sums(sample[:, None], resamples=400, seed=trial)[:, 0] / 150
        interval = percentile_interval(values)
        held += interval.low <= 0.7 <= interval.high
    assert 0.90 <= held / 200 <= 0.99


def test_every_resample_draws_as_many_as_there_are():
    weights = np.concatenate(list(resample_weights(17, resamples=130)))
    assert weights.shape == (130, 17)
    assert set(weights.sum(axis=1)) == {17}


def test_the_same_seed_draws_the_same_and_another_does_not():
    column = np.arange(20.0)[:, None]
    first, again, other = (resampled_sums(column, 50, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(("n", "resamples"), [(0, 10), (5, 0)])
def test_nothing_to_draw_is_refused(n, resamples):
    with pytest.raises(ValueError, match="needs samples and resamples"):
        next(resample_weights(n, resamples))


@given(st.integers(0, 60), st.integers(1, 60))
def test_the_interval_of_a_share_is_scipys_and_never_of_zero_width(right, trials):
    right = min(right, trials)
    mine = wilson_interval(right / trials, trials)
    theirs = binomtest(right, trials).proportion_ci(method="wilson")
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert mine.low <= right / trials <= mine.high
    assert mine.low < mine.high


def test_two_shares_that_are_alike_have_an_interval():
    same = paired_share_interval(1.0, 1.0, (50, 50), 0.0)
    assert (same.low, same.high) == pytest.approx((-0.0714, 0.0714), abs=1e-4)


def test_newcombes_interval_holds_the_truth_about_as_often_as_it_says():
    random, held = np.random.default_rng(4), 0
    for _ in range(400):
        shared = random.random(100)
        first, second = shared < 0.9, (shared < 0.9) ^ (random.random(100) < 0.1)
        r = correlation(first.astype(float), second.astype(float))
        found = paired_share_interval(first.mean(), second.mean(), (100, 100), r)
        held += found.low <= -0.08 <= found.high  # .9 * .9 + .1 * .1 - .9
    assert 0.92 <= held / 400 <= 0.99


def test_holm_adjusts_by_the_tests_that_are_left():
    found = holm({"a": 0.04, "b": 0.01, "c": 0.03, "d": 0.9})
    assert found == pytest.approx({"a": 0.09, "b": 0.04, "c": 0.09, "d": 0.9})
    assert holm({"a": 0.03}) == {"a": 0.03}
    assert holm({}) == {}


def test_holm_keeps_a_family_of_true_nulls_below_its_level():
    draws = np.random.default_rng(5).random((2000, 10))
    families = (holm({str(i): p for i, p in enumerate(row)}) for row in draws)
    rejected = np.mean([min(family.values()) < 0.05 for family in families])
    assert rejected < 0.065, "ten unadjusted tests would reject in 40 %"


def test_a_value_that_is_nowhere_defined_has_no_interval():
    assert percentile_interval([np.nan, np.nan]) is None
    interval = percentile_interval([0.5, np.nan])
    assert (interval.low, interval.high) == (0.5, 0.5)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=80))
def test_mcnemar_counts_the_discordant_items(pairs):
    found = mcnemar([one for one, _ in pairs], [two for _, two in pairs])
    b = pairs.count((True, False))
    c = pairs.count((False, True))
    assert (found.only_first, found.only_second) == (b, c)
    assert found.exact == (b + c <= EXACT_UP_TO)
    assert 0 <= found.p_value <= 1
    if found.exact and b + c:
        assert found.p_value == pytest.approx(binomtest(b, b + c).pvalue)


def test_mcnemar_by_hand():
    few = mcnemar([True] * 6, [False] * 6)  # 2 * 0.5^6
    assert few.p_value == pytest.approx(2 / 64)
    many = mcnemar([True] * 30 + [False] * 10, [False] * 30 + [True] * 10)
    assert not many.exact
    assert many.p_value == pytest.approx(0.002663, abs=1e-6)  # chi2(1) of (20 - 1)^2 / 40 = 9.025
    assert mcnemar([True], [True]).p_value == 1.0


def test_mcnemar_of_different_items_is_refused():
    with pytest.raises(ValueError, match="zip"):
        mcnemar([True], [True, False])


def test_a_difference_has_the_sign_of_second_minus_first():
    first, second = np.full(1000, 0.5), np.linspace(0.55, 0.75, 1000)
    found = paired_difference(0.5, 0.65, first, second)
    assert found.difference == pytest.approx(0.15)
    assert found.interval.low > 0
    assert found.p_value == pytest.approx(2 / 1001)
    opposite = paired_difference(0.65, 0.5, second, first)
    assert (opposite.difference, opposite.interval.high) == (
        pytest.approx(-0.15),
        pytest.approx(-found.interval.low),
    )


def test_no_difference_is_not_significant():
    same = np.linspace(0, 1, 100)
    assert paired_difference(0.5, 0.5, same, same).p_value == 1.0
    assert paired_difference(0.5, 0.5, np.full(3, np.nan), same[:3]) is None


def test_thirty_thousand_items_are_quick():
    started = time.process_time()
    resampled_sums(np.ones((30_000, 15)), resamples=2000)
    assert time.process_time() - started < 20, "about 2 s on an idle core"
