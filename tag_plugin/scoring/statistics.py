"""How sure a number is: intervals, and paired tests of two runs on the same items.

Shares of items have Wilson's interval, everything else a bootstrap's.

A metric here is a function of sums over samples, so that one resample costs one small product:
with W (resamples, n) the number of times that each sample was drawn and X (n, k) what each sample
contributes, the sums of all resamples are W @ X.
Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapters 6, 13 and 16;
McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import binomtest, chi2, norm

Floats = NDArray[np.float64]

RESAMPLES: Final = 2000
LEVEL: Final = 0.95
SEED: Final = 0
EXACT_UP_TO: Final = 25
"""McNemar: so many discordant items, or fewer, are tested exactly."""

_CHUNK: Final = 64


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, low <= high."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class McNemar:
    """Two classifiers on the same items: `only_first` right, `only_second` right, and p."""

    only_first: int
    only_second: int
    p_value: float
    exact: bool


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """second - first on the same items, with its interval and the two-sided bootstrap p."""

    difference: float
    interval: Interval
    p_value: float


def resample_weights(n: int, resamples: int = RESAMPLES, seed: int = SEED) -> Iterator[Floats]:
    """How often each of `n` samples is drawn: (<= 64, n) at a time, `resamples` rows in all.

    Raises:
        ValueError: nothing to draw from.
    """
    if n < 1 or resamples < 1:
        raise ValueError(f"a bootstrap needs samples and resamples, not {n} and {resamples}")
    random = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        drawn = random.integers(n, size=(min(_CHUNK, resamples - start), n), dtype=np.int32)
        yield np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(np.float64)


def resampled_sums(
    contributions: Floats | csr_matrix, resamples: int = RESAMPLES, seed: int = SEED
) -> Floats:
    """Sums over samples in each resample: (n, k) -> (resamples, k).

    The same `n`, `resamples` and `seed` draw the same samples, so that two calls are paired.
    """
    weights = resample_weights(contributions.shape[0], resamples, seed)
    return np.concatenate([(contributions.T @ chunk.T).T for chunk in weights])


def percentile_interval(values: Sequence[float] | Floats, level: float = LEVEL) -> Interval | None:
    """The middle `level` of bootstrap values; those that are not defined (NaN) are left out.

    None when none is defined.
    """
    defined = np.asarray(values, dtype=np.float64)
    defined = defined[~np.isnan(defined)]
    if not defined.size:
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def wilson_interval(share: float, trials: float, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a share of independent trials; never of zero width.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Raises:
        ValueError: not one trial.
    """
    if trials <= 0:
        raise ValueError(f"a share of {trials} trials has no interval")
    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * trials)) / trials) / (1 + z2 / trials)
    return Interval(min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def paired_share_interval(
    first: float, second: float, trials: tuple[float, float], correlation: float
) -> Interval:
    """Newcombe's interval of second - first, two shares of the same items; never of zero width.

    `trials` are those of each share, `correlation` that of the two shares.
    Source: Newcombe, "Improved confidence intervals for the difference between binomial proportions
    based on paired data", Statistics in Medicine 17, 1998, method 10.
    """
    one, two = wilson_interval(first, trials[0]), wilson_interval(second, trials[1])

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b))

    difference = second - first
    low = difference - reach(second - two.low, one.high - first)
    return Interval(low, difference + reach(two.high - second, first - one.low))


def correlation(first: Floats, second: Floats) -> float:
    """Of paired values; 0 where one of them never changes."""
    defined = ~np.isnan(first + second)
    spreads = np.std(first[defined]) * np.std(second[defined]) if defined.any() else 0.0
    return float(np.corrcoef(first[defined], second[defined])[0, 1]) if spreads > 0 else 0.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Each p of a family of tests, adjusted for their number: below .05 in 5 % of families at most.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def paired_difference(
    first: float, second: float, first_values: Floats, second_values: Floats
) -> PairedDifference | None:
    """The difference of two metrics from paired resamples of the same items.

    p = 2 * min(P(d <= 0), P(d >= 0)) over the resamples, counting the observed one, at most 1.
    None when the difference is nowhere defined.
    """
    differences = second_values - first_values
    differences = differences[~np.isnan(differences)]
    interval = percentile_interval(differences)
    if interval is None or np.isnan(second - first):
        return None
    tails = min((differences <= 0).sum(), (differences >= 0).sum())
    p_value = min(1.0, 2 * (int(tails) + 1) / (differences.size + 1))
    return PairedDifference(float(second - first), interval, float(p_value))


def mcnemar(first_right: Sequence[bool], second_right: Sequence[bool]) -> McNemar:
    """McNemar's test of the hypothesis that both are right equally often on the same items.

    Exact binomial up to `EXACT_UP_TO` discordant items, else chi-squared with Edwards' correction.

    Raises:
        ValueError: different numbers of items.
    """
    pairs = list(zip(first_right, second_right, strict=True))
    b = sum(one and not two for one, two in pairs)
    c = sum(two and not one for one, two in pairs)
    if b + c <= EXACT_UP_TO:
        p_value = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
        return McNemar(b, c, float(p_value), exact=True)
    return McNemar(b, c, float(chi2.sf(max(0, abs(b - c) - 1) ** 2 / (b + c), 1)), exact=False)
