"""The numbers of one evaluated task: metrics with intervals, confusion, subgroups, alarms.

The host integration, `merge`, `compare` and the model card all make or read this one summary.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from tag_plugin.facs.emotions import LabelSet
from tag_plugin.facs.frozen import Frozen
from tag_plugin.results.alarms import alarms, without_answer
from tag_plugin.results.notes import notes
from tag_plugin.results.redrawn import redrawn_estimates
from tag_plugin.scoring.baselines import Baselines
from tag_plugin.scoring.contributions import confusion_of, contributions
from tag_plugin.scoring.estimates import Estimate, estimates, in_order
from tag_plugin.scoring.metrics import headlines
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.statistics import LEVEL, RESAMPLES, SEED, Floats

AGREEMENT: Final = "raters who chose the label"
"""The attribute by which faces with votes are grouped."""


class Bootstrap(Frozen):
    """How the intervals were made; those of shares of items are Wilson's."""

    method: Literal["percentile"] = "percentile"
    level: float = LEVEL
    resamples: int = RESAMPLES
    seed: int = SEED


class Group(Frozen):
    """One subgroup: its size and its metrics with intervals."""

    n: int
    metrics: Mapping[str, Estimate]


class Summary(Frozen):
    """One task of one run.

    `n` counts judged samples, `empty` those of them whose reply is empty or reasoning alone,
    `failed` requests without an answer (never judged). `metrics` holds
    the metrics that apply; `confusion` counts [gold][prediction] in the order of `labels`, the
    last column is unparsable. `subgroups` are by attribute and value. `notes` say what a reader of
    the numbers must know.
    """

    n: int
    failed: int
    empty: int = 0
    labels: tuple[str, ...]
    metrics: Mapping[str, Estimate]
    confusion: tuple[tuple[int, ...], ...]
    subgroups: Mapping[str, Mapping[str, Group]] = {}
    alarms: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bootstrap: Bootstrap = Bootstrap()


def summarise(
    samples: Iterable[JudgedSample],
    labels: LabelSet,
    bootstrap: Bootstrap = Bootstrap(),  # noqa: B008  # frozen
    baselines: Baselines | None = None,
) -> Summary:
    """All numbers of a task's samples, in any order; without `baselines` some are absent.

    Raises:
        ValueError: a sample's label is not one of `labels`.
    """
    ordered = in_order(samples)
    judged = [sample for sample in ordered if sample.failed is None]
    table = contributions(judged, labels, baselines)
    answers = confusion_of(table.sum(axis=0), labels)
    return Summary(
        n=len(judged),
        failed=len(ordered) - len(judged),
        empty=len(without_answer(judged)),
        labels=labels.labels,
        metrics=_estimates(table, labels, bootstrap)
        | redrawn_estimates(judged, bootstrap.resamples, bootstrap.seed),
        confusion=tuple(tuple(map(int, row)) for row in answers),
        subgroups=_subgroups(judged, table, labels, bootstrap),
        alarms=tuple(alarms(ordered)),
        notes=tuple(notes(judged, baselines, answers, labels)),
        bootstrap=bootstrap,
    )


def _subgroups(
    samples: Sequence[JudgedSample], table: Floats, labels: LabelSet, bootstrap: Bootstrap
) -> dict[str, dict[str, Group]]:
    """By attribute and value; the AUs that count are those of the whole set."""
    shown = {metric.name for metric in headlines()}
    rows: dict[str, dict[str, list[int]]] = {}
    for row, sample in enumerate(samples):
        for name, value in {**sample.attributes, **_agreement(sample)}.items():
            rows.setdefault(name, {}).setdefault(value, []).append(row)
    return {
        name: {
            value: Group(
                n=len(group),
                metrics={
                    metric: estimate
                    for metric, estimate in _estimates(table[group], labels, bootstrap).items()
                    if metric in shown
                },
            )
            for value, group in sorted(groups.items())
        }
        for name, groups in sorted(rows.items())
    }


def _agreement(sample: JudgedSample) -> dict[str, str]:
    """How many of the raters chose the label, as an attribute of the face."""
    if sample.votes is None:
        return {}
    percent = 100 * sample.votes.get(sample.gold, 0) // sum(sample.votes.values())
    levels = ((100, "all"), (80, "80 % or more"), (60, "60 % or more"), (0, "fewer than 60 %"))
    return {AGREEMENT: next(name for least, name in levels if percent >= least)}


def _estimates(table: Floats, labels: LabelSet, bootstrap: Bootstrap) -> dict[str, Estimate]:
    return estimates(table, labels, resamples=bootstrap.resamples, seed=bootstrap.seed)
