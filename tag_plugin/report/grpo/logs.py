"""What a GRPO run left behind: its log and its rollouts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from tag_plugin.data.text_file import TextFileError, json_lines
from tag_plugin.report.charts.lines import Curve
from tag_plugin.report.grpo.lines import LineError, Rollout, log_entry, rollout

_Value = TypeVar("_Value")

LOG: Final = "grpo_log.jsonl"
ROLLOUTS: Final = "rollouts.jsonl"
_MEAN: Final = ("rewards/", "/mean")


class RunError(ValueError):
    """A directory that is no GRPO run; the message says the next command."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run's directory. `log` and `rollouts` are in the order of the steps.

    `left_out`: the lines and values that no run wrote, each with its file and line.
    """

    path: Path
    log: Sequence[dict[str, Any]]
    rollouts: Sequence[Rollout]
    left_out: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.resolve().name

    @property
    def steps(self) -> int:
        """The number of steps that were logged (the end of a run repeats its last one)."""
        return len({entry["step"] for entry in self.log})

    @property
    def parts(self) -> list[str]:
        """The rewards that were logged."""
        start, end = _MEAN
        keys = {key: None for entry in self.log for key in entry}
        return [k[len(start) : -len(end)] for k in keys if k.startswith(start) and k.endswith(end)]

    def curve(self, key: str, name: str = "") -> Curve:
        """A logged value by step; empty when it never was logged."""
        found = [(entry["step"], entry[key]) for entry in self.log if key in entry]
        return Curve(name or key, [float(step) for step, _ in found], [y for _, y in found])


def is_run(path: Path) -> bool:
    """Whether this directory holds a GRPO run."""
    return path.is_dir() and (path / LOG).is_file()


def read_run(path: Path) -> Run:
    """The files of a run that is finished, or still going on (half a last line is left out).

    Raises:
        RunError: no log, or an empty one.
        TextFileError: a file that is no text at all.
    """
    left_out: list[str] = []
    log = [entry for entry in _log_entries(path / LOG, left_out) if "step" in entry]
    if not log:
        first = f" ({left_out[0]})" if left_out else ""
        raise RunError(
            f"{path}: no {LOG} with a step in it{first}; next: llamafactory-cli train "
            "recipes/tag_grpo.yaml"
        )
    rollouts = [line for _, line in _numbered(path / ROLLOUTS, rollout, left_out)]
    return Run(path, log, rollouts, left_out)


def _log_entries(path: Path, left_out: list[str]) -> Iterator[dict[str, Any]]:
    for where, (entry, problems) in _numbered(path, log_entry, left_out):
        left_out.extend(f"{where}: {problem}" for problem in problems)
        yield entry


def _numbered(
    path: Path, check: Callable[[Any], _Value], left_out: list[str]
) -> Iterator[tuple[str, _Value]]:
    """(`file:line`, value) of the good lines; why each other line is left out.

    Half a last line is passed over: the run is writing it, or was killed there.
    """
    if not path.exists():
        return

    def bad(error: TextFileError) -> None:
        if not error.unfinished:
            left_out.append(str(error))

    for where, line in json_lines(path, bad):
        try:
            yield where, check(line)
        except LineError as error:
            left_out.append(f"{where}: {error}")
