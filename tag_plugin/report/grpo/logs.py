"""What a GRPO run left behind: its log and its rollouts."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tag_plugin.report.charts.lines import Curve

LOG: Final = "grpo_log.jsonl"
ROLLOUTS: Final = "rollouts.jsonl"
_MEAN: Final = ("rewards/", "/mean")


class RunError(ValueError):
    """A directory that is no GRPO run; the message says the next command."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run's directory. `log` and `rollouts` are in the order of the steps."""

    path: Path
    log: Sequence[dict[str, Any]]
    rollouts: Sequence[dict[str, Any]]

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
        found = [(entry["step"], entry[key]) for entry in self.log if _is_number(entry.get(key))]
        return Curve(name or key, [float(step) for step, _ in found], [y for _, y in found])


def is_run(path: Path) -> bool:
    """Whether this directory holds a GRPO run."""
    return path.is_dir() and (path / LOG).is_file()


def read_run(path: Path) -> Run:
    """The files of a run that is finished, or still going on (half a last line is left out).

    Raises:
        RunError: no log, or an empty one.
    """
    log = [entry for entry in _entries(path / LOG) if "step" in entry]
    if not log:
        raise RunError(
            f"{path}: no {LOG} with a step in it; next: llamafactory-cli train "
            "recipes/tag_grpo.yaml"
        )
    return Run(path, log, list(_entries(path / ROLLOUTS)))


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the run is writing it, or was killed there
            if isinstance(entry, dict):
                yield entry


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
