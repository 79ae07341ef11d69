"""Two runs of one protocol on the same items: who is better, and how surely.

Numbers of different protocols are not compared; what differs is said. A difference that is meant
(two box frames, two prompt styles) has to be named by the user, and is stated with the result.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tag_plugin.facs.emotions import label_set
from tag_plugin.results.protocol import differences, unstated
from tag_plugin.results.reader import TaskRun
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.contributions import contributions
from tag_plugin.scoring.estimates import in_order, paired_accuracy_test, paired_estimates
from tag_plugin.scoring.metrics import METRICS, headlines
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.statistics import McNemar, PairedDifference, holm

SIGNIFICANT: Final = 0.05

_JUDGE: Final = "judge.version"
_WHOLE: Final = "model_input."
"""What stands below it is allowed to differ as a whole."""
_SHOWN: Final = 60
"""Characters of a value in a message."""


@dataclass(frozen=True, slots=True)
class PairedTests:
    """second - first by every headline metric of which one way is better.

    The p of accuracy is McNemar's. `adjusted` is each p after Holm over all of `differences`.
    """

    mcnemar: McNemar
    differences: Mapping[str, PairedDifference]
    adjusted: Mapping[str, float]

    def verdict(self, metric: str) -> str:
        """`second`, `first` or `undecided`: which run is better, where its adjusted p < 0.05."""
        paired = self.differences[metric]
        if self.adjusted[metric] >= SIGNIFICANT or paired.difference == 0:
            return "undecided"
        lower_is_better = METRICS[metric].better == "lower"
        return "second" if (paired.difference > 0) != lower_is_better else "first"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of one task. `allowed` are the protocol fields that differ on purpose.

    `notes` say what an older protocol leaves open.
    """

    task: str
    first: TaskRun
    second: TaskRun
    n: int
    allowed: Mapping[str, tuple[Any, Any]]
    tests: PairedTests
    notes: tuple[str, ...] = ()


def compare(first: TaskRun, second: TaskRun, across: Collection[str] = ()) -> Comparison:
    """Compare two runs of one task.

    Args:
        first: the one compared with.
        second: the other; differences are second - first.
        across: protocol fields that may differ.

    Raises:
        ResultsError: other protocols, other items, or a run without samples.
    """
    differing = differences(first.protocol, second.protocol)
    refused = {n: v for n, v in differing.items() if not {n, n.split(".")[0]} & {*across}}
    if refused:
        raise ResultsError(_refusal(first, second, refused))
    one, two = _results(first), _results(second)
    try:
        tests = paired_tests((first, one), (second, two))
    except ValueError as error:
        raise ResultsError(
            f"{first.results_file} and {second.results_file}: {error}; next: evaluate both on the "
            "whole test set"
        ) from None
    notes = tuple(filter(None, (unstated(run.protocol) for run in (first, second))))
    return Comparison(first.task, first, second, len(one), differing, tests, notes)


def paired_tests(
    first: tuple[TaskRun, Sequence[JudgedSample]], second: tuple[TaskRun, Sequence[JudgedSample]]
) -> PairedTests:
    """The tests of two runs, each with its samples of the same items.

    Raises:
        ValueError: the two hold different items.
    """
    tested = paired_accuracy_test(first[1], second[1])
    labels = label_set(first[0].protocol.label_set)
    one, two = (
        contributions(in_order(samples), labels, run.stated.baselines)
        for run, samples in (first, second)
    )
    names = [metric.name for metric in headlines() if metric.better is not None]
    paired = paired_estimates(one, two, labels, names)
    paired["accuracy"] = replace(paired["accuracy"], p_value=tested.p_value)
    adjusted = holm({name: each.p_value for name, each in paired.items()})
    return PairedTests(tested, paired, adjusted)


def compare_runs(
    first: list[TaskRun], second: list[TaskRun], across: Collection[str] = ()
) -> list[Comparison]:
    """Compare the tasks that two outputs share; with one task each, those two.

    Raises:
        ResultsError: no task in common, or what `compare` refuses.
    """
    if len(first) == len(second) == 1:
        return [compare(first[0], second[0], across)]
    others = {run.task: run for run in second}
    pairs = [(run, others[run.task]) for run in first if run.task in others]
    if not pairs:
        names = " and ".join(", ".join(run.task for run in runs) for runs in (first, second))
        raise ResultsError(f"no task in common: {names}; next: evaluate both on the same task")
    return [compare(one, two, across) for one, two in pairs]


def _refusal(first: TaskRun, second: TaskRun, refused: Mapping[str, tuple[Any, Any]]) -> str:
    fields = "; ".join(f"{name}: {_pair(*values)}" for name, values in refused.items())
    names = (name.split(".")[0] if name.startswith(_WHOLE) else name for name in refused)
    options = " ".join(f"--across {name}" for name in dict.fromkeys(names))
    steps = {
        "tag-plugin rejudge the older results": _JUDGE in refused,
        "evaluate both under one protocol": set(refused) != {_JUDGE},
    }
    return (
        f"different protocols are not compared: {first.protocol.name} and {second.protocol.name} "
        f"differ in {fields}; next: {' and '.join(s for s, holds in steps.items() if holds)}, or, "
        f"if the difference is what you study, {options}"
    )


def _pair(one: object, two: object) -> str:
    """Both values; of long ones the part where they begin to differ."""
    texts = [str(value).replace("\n", "\\n") for value in (one, two)]
    pairs = enumerate(zip(*texts, strict=False))
    alike = next((place for place, (left, right) in pairs if left != right), len(texts[0]))
    start = max(0, alike - 20) if max(map(len, texts)) > _SHOWN else 0
    return " | ".join(_part(text, start) for text in texts)


def _part(text: str, start: int) -> str:
    end = start + _SHOWN
    return f"{'...' if start else ''}{text[start:end]}{'...' if len(text) > end else ''}"


def _results(run: TaskRun) -> list[JudgedSample]:
    samples = list(run.samples())
    failed = [sample.id for sample in samples if sample.failed is not None]
    if failed:
        raise ResultsError(
            f"{run.samples_file}: {len(failed)} requests failed ({failed[0]}, ...): not the whole "
            "test set; next: evaluate again, with --use_cache DIR only those are asked"
        )
    return samples
