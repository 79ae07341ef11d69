"""One line of a run's files, checked: what the page is made of, or why the line is left out."""

from math import isfinite
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, Strict

from tag_plugin.data.model_error import WrongValueError, checked
from tag_plugin.scoring.score import ScoredCompletion

_LAST_STEP: Final = 2**53
_LARGEST: Final = 1e300
_LONGEST_NAME: Final = 200

Step = Annotated[int, Strict(), Field(ge=0, le=_LAST_STEP)]


class LineError(ValueError):
    """A line, or a value of one, that no run wrote; the message says which and why."""


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


def log_entry(line: Any) -> tuple[dict[str, Any], list[str]]:  # noqa: ANN401  # JSON
    """The numbers of a line of grpo_log.jsonl, and what else it holds that is none.

    Raises:
        LineError: no object.
    """
    if not isinstance(line, dict):
        raise LineError("not an object")
    numbers = {name: number for name, value in line.items() if (number := _number(value))}
    kept = {name: number[0] for name, number in numbers.items() if isfinite(number[0])}
    if "step" in line and (type(line["step"]) is not int or not 0 <= line["step"] <= _LAST_STEP):
        raise LineError(f"step: not a whole number from 0 on, but {line['step']!r:.40}")
    return kept, [f"{n[:_LONGEST_NAME]}: not a number" for n in line.keys() - numbers.keys()]


def _number(value: object) -> tuple[float] | None:
    """In a tuple, so that 0 is one; NaN stands for a step to which a reward did not apply."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return (value,) if abs(value) < _LARGEST else None
    return None if abs(value) >= _LARGEST else (value,)


def rollout(line: Any) -> Rollout:  # noqa: ANN401  # JSON
    """A line of rollouts.jsonl.

    Raises:
        LineError: a key is missing, or a value is of another kind.
    """
    try:
        return checked(Rollout, line)
    except WrongValueError as error:
        raise LineError(str(error)) from None
