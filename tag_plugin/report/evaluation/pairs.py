"""Runs of one task beside the first one: paired differences on the faces that both answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from tag_plugin.report.evaluation.runs import NamedRun, Task
from tag_plugin.results.compare import paired_tests
from tag_plugin.scoring.metrics import METRICS
from tag_plugin.scoring.statistics import PairedDifference


@dataclass(frozen=True, slots=True)
class Row:
    """One metric: the difference with its interval, and its p after Holm."""

    title: str
    difference: str
    p: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One run against the first one, over `n` faces."""

    title: str
    n: int
    rows: Sequence[Row]


def differences(task: Task) -> list[Pair]:
    """Every other run against the first one; none where their protocols differ."""
    first, *others = task.runs
    if task.differences:
        return []
    pairs = (_pair(first, other) for other in others)
    return [pair for pair in pairs if pair is not None]


def _pair(first: NamedRun, other: NamedRun) -> Pair | None:
    both = [
        (one, two)
        for name, one in first.samples.items()
        if (two := other.samples.get(name)) and one.failed is None and two.failed is None
    ]
    if not both:
        return None
    tests = paired_tests(
        (first.run, [one for one, _ in both]), (other.run, [two for _, two in both])
    )
    rows = [
        Row(METRICS[name].title, _text(found), f"{tests.adjusted[name]:.4f}")
        for name, found in tests.differences.items()
    ]
    return Pair(f"{other.name} - {first.name}", len(both), rows)


def _text(paired: PairedDifference) -> str:
    low, high = paired.interval.low, paired.interval.high
    return f"{paired.difference:+.3f} [{low:+.3f}, {high:+.3f}]"
