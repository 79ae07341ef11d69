"""What a GRPO run left behind: its log and its rollouts."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, Strict

from tag_plugin.data.model_error import WrongValueError, checked
from tag_plugin.data.text_file import TextFileError, json_lines
from tag_plugin.report.charts import Curve
from tag_plugin.scoring.score import ScoredCompletion

_Value = TypeVar("_Value")

LOG: Final = "grpo_log.jsonl"
ROLLOUTS: Final = "rollouts.jsonl"


_LAST_STEP: Final = 2**53
_LARGEST: Final = 1e300
_LONGEST_NAME: Final = 200

Step = Annotated[int, Strict(), Field(ge=0, le=_LAST_STEP)]


class RunError(ValueError):
    """A directory that is no GRPO run; the message says the next command."""


class Rollout(BaseModel):
    """A line of rollouts.jsonl; `verdict` is None for a plain row, and of an older version."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: Step
    prompt_id: str
    dataset: str | None = None
    images: list[str] | None = None
    solution: str | None = None
    text: str
    rewards: dict[str, FiniteFloat | None]
    total: FiniteFloat
    advantage: FiniteFloat | None = None
    verdict: ScoredCompletion | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `log` and `rollouts` are in the order of the steps.

    `left_out`: the lines and values that no run wrote, each with its file and line.
    """

    log: Sequence[dict[str, Any]]
    rollouts: Sequence[Rollout]
    left_out: Sequence[str] = ()

    @property
    def steps(self) -> int:
        """The number of steps that were logged (the end of a run repeats its last one)."""
        return len({entry["step"] for entry in self.log})

    @property
    def parts(self) -> list[str]:
        """The rewards that were logged."""
        keys = dict.fromkeys(key for entry in self.log for key in entry)
        means = (re.fullmatch("rewards/(.+)/mean", key, re.DOTALL) for key in keys)
        return [mean[1] for mean in means if mean]

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
    log = []
    for where, (entry, problems) in _numbered(path / LOG, log_entry, left_out):
        left_out += [f"{where}: {problem}" for problem in problems]
        log += [entry] if "step" in entry else []
    if not log:
        first = f" ({left_out[0]})" if left_out else ""
        raise RunError(
            f"{path}: no {LOG} with a step in it{first}; next: llamafactory-cli train "
            "recipes/tag_grpo.yaml"
        )
    rollouts = _numbered(path / ROLLOUTS, partial(checked, Rollout), left_out)
    return Run(log, [rollout for _, rollout in rollouts], left_out)


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
        except WrongValueError as error:
            left_out.append(f"{where}: {error}")


def log_entry(line: Any) -> tuple[dict[str, Any], list[str]]:  # noqa: ANN401  # JSON
    """The numbers of a line of grpo_log.jsonl, and what else it holds that is none.

    Raises:
        WrongValueError: no object, or a step that is none.
    """
    if not isinstance(line, dict):
        raise WrongValueError("not an object")
    if "step" in line and (type(line["step"]) is not int or not 0 <= line["step"] <= _LAST_STEP):
        raise WrongValueError(f"step: not a whole number from 0 on, but {line['step']!r:.40}")
    # NaN is a number: it stands for a step to which a reward did not apply.
    found = {name: value for name, value in line.items() if type(value) in (int, float)}
    numbers = {name: value for name, value in found.items() if not abs(value) >= _LARGEST}
    kept = {name: number for name, number in numbers.items() if isfinite(number)}
    return kept, [f"{n[:_LONGEST_NAME]}: not a number" for n in line.keys() - numbers.keys()]
