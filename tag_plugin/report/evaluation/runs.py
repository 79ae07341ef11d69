"""The evaluations that a report is about: by task, then by run, samples in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tag_plugin.data.console import progress
from tag_plugin.data.terminal import warn
from tag_plugin.results.protocol import differences
from tag_plugin.results.reader import TaskRun, read_runs
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.record import JudgedSample


@dataclass(frozen=True, slots=True)
class NamedRun:
    """One run of one task under the name that the report gives it.

    `samples` are by id; there are none where they cannot be read, for the reason in `problem`.
    """

    name: str
    run: TaskRun
    samples: Mapping[str, JudgedSample]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """Everything about one task."""

    name: str
    runs: Sequence[NamedRun]

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in their published order."""
        return self.runs[0].run.protocol.labels

    @property
    def differences(self) -> list[str]:
        """How the runs' protocols differ from the first one's; empty: the numbers compare."""
        first = self.runs[0]
        return [
            f"{other.name} and {first.name} differ in {name}: {two} and {one}"
            for other in self.runs[1:]
            for name, (one, two) in differences(first.run.protocol, other.run.protocol).items()
        ]


def read_tasks(sources: Sequence[Path]) -> list[Task]:
    """The newest run of each model and task below each source.

    A run whose samples cannot be read has its numbers all the same.

    Raises:
        ResultsError: a source holds none that can be read, or two runs of a task have other labels.
    """
    found = [(source, run) for source in sources for run in read_runs(source)]
    tasks: dict[str, list[NamedRun]] = {}
    for name, (_, run) in zip(_names(found), found, strict=True):
        runs = tasks.setdefault(run.task, [])
        runs.append(_with_samples(name, run))
        first = runs[0].run
        if first.protocol.labels != run.protocol.labels:
            raise ResultsError(
                f"{first.results_file} and {run.results_file} have other labels for {run.task}; "
                "next: a report each"
            )
    return [Task(name, runs) for name, runs in sorted(tasks.items())]


def _with_samples(name: str, run: TaskRun) -> NamedRun:
    if run.samples_file is None:
        return NamedRun(name, run, {})
    try:
        shown = progress(run.samples(), f"reading {name}", run.summary.n)
        return NamedRun(name, run, {sample.id: sample for sample in shown})
    except (ResultsError, OSError) as error:
        warn(f"{error}; the report has the numbers of {name}, but not its samples")
        return NamedRun(name, run, {}, str(error))


def _names(found: Sequence[tuple[Path, TaskRun]]) -> list[str]:
    """The model's name; where two runs of a task share it, its source or date makes it unique."""
    for detail in ("", " ({source.name})", " ({source.name}, {run.date})", " ({run.results_file})"):
        names = [run.model + detail.format(source=source, run=run) for source, run in found]
        if len(set(zip(names, (run.task for _, run in found), strict=True))) == len(found):
            return names
    return [f"{name} {number}" for number, name in enumerate(names, start=1)]
