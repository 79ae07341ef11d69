"""Every metric of `scoring.metrics` with its interval: Wilson's of a share, else a bootstrap's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tag_plugin.facs.emotions import LabelSet
from tag_plugin.scoring.contributions import confusion_of
from tag_plugin.scoring.metrics import metric_trials, metric_values, unsure
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.statistics import (
    RESAMPLES,
    SEED,
    Floats,
    McNemar,
    PairedDifference,
    correlation,
    mcnemar,
    paired_difference,
    paired_share_interval,
    percentile_interval,
    resampled_sums,
    wilson_interval,
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its 95 % interval; `few` where a class of few faces makes it unsure."""

    value: float
    low: float
    high: float
    few: bool = False


def estimate(value: Floats, drawn: Floats) -> Estimate | None:
    """A value with the interval of its resampled values; None where either is not defined."""
    interval = percentile_interval(drawn)
    if interval is None or np.isnan(value):
        return None
    return Estimate(float(value), interval.low, interval.high)


def share_estimate(share: Floats | float, trials: Floats | float) -> Estimate | None:
    """A share of independent trials with Wilson's interval; None of none."""
    if not trials > 0:
        return None
    interval = wilson_interval(float(share), float(trials))
    return Estimate(float(share), interval.low, interval.high)


def estimates(
    table: Floats, labels: LabelSet, *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Estimate]:
    """Every metric that applies, with its interval.

    Args:
        table: contributions of the samples, (n, k); which draws hit which depends on their order.
        labels: the classes.
        resamples: how many.
        seed: of the draws.
    """
    if not len(table):
        return {}
    sums = table.sum(axis=0)
    values, trials = metric_values(sums, labels), metric_trials(sums, labels)
    drawn = metric_values(resampled_sums(table, resamples, seed), labels)
    few = unsure(confusion_of(sums, labels), labels)
    found = {
        name: share_estimate(value, trials[name])
        if name in trials
        else estimate(value, drawn[name])
        for name, value in values.items()
    }
    return {n: replace(each, few=n in few) for n, each in found.items() if each is not None}


def paired_estimates(
    first: Floats,
    second: Floats,
    labels: LabelSet,
    names: Iterable[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, PairedDifference]:
    """Second - first for these metrics, where they apply, over the same draws of the same items.

    Shares of items have Newcombe's paired interval, everything else the bootstrap's.

    Args:
        first: contributions of the samples of one run, (n, k).
        second: of the other one: the same items in the same order.
        labels: the classes.
        names: of metrics.
        resamples: how many.
        seed: of the draws.
    """
    tables = (first, second)
    one, two = (metric_values(table.sum(axis=0), labels) for table in tables)
    drawn = [metric_values(resampled_sums(table, resamples, seed), labels) for table in tables]
    trials = [metric_trials(table.sum(axis=0), labels) for table in tables]
    differences: dict[str, PairedDifference] = {}
    for name in (name for name in names if name in one):
        values, draws = (float(one[name]), float(two[name])), (drawn[0][name], drawn[1][name])
        found = paired_difference(*values, *draws)
        if found and name in trials[0]:
            of = (float(trials[0][name]), float(trials[1][name]))
            interval = paired_share_interval(*values, of, correlation(*draws))
            found = replace(found, interval=interval)
        if found:
            differences[name] = found
    return differences


def paired_accuracy_test(first: Sequence[JudgedSample], second: Sequence[JudgedSample]) -> McNemar:
    """McNemar's test of two runs' right answers.

    Raises:
        ValueError: the two hold different items.
    """
    require_same_items(first, second)
    return mcnemar(*([sample.right for sample in in_order(run)] for run in (first, second)))


def require_same_items(first: Sequence[JudgedSample], second: Sequence[JudgedSample]) -> None:
    """Checks that two runs hold the same items with the same labels.

    Raises:
        ValueError: they do not; the message names an item.
    """
    one, two = ({sample.id: sample.gold for sample in run} for run in (first, second))
    for name in [*one, *two]:
        if one.get(name) != two.get(name):
            raise ValueError(
                f"not the same items: {name} is {one.get(name)} in the first run and "
                f"{two.get(name)} in the second ({len(one)} and {len(two)} items)"
            )


def in_order(samples: Iterable[JudgedSample]) -> list[JudgedSample]:
    """By their ids, so that the draws hit the same items whatever the order of a file."""
    return sorted(samples, key=lambda sample: sample.id)
