"""One line of a run's files, checked: what the page is made of, or why the line is left out."""

from math import isfinite
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, Strict, ValidationError

from tag_plugin.facs.boxes import StoredBox
from tag_plugin.facs.detections import Detections

_LAST_STEP: Final = 2**53
_LARGEST: Final = 1e300
_LONGEST_NAME: Final = 200

Step = Annotated[int, Strict(), Field(ge=0, le=_LAST_STEP)]


class LineError(ValueError):
    """A line, or a value of one, that no run wrote; the message says which and why."""


class _Box(BaseModel):
    au: int | None
    box: StoredBox


class _Rollout(BaseModel):
    """A line of rollouts.jsonl; a plain row's has no answer, defects, boxes and reference."""

    model_config = ConfigDict(extra="allow")

    step: Step
    prompt_id: str
    dataset: str | None = None
    images: list[str] | None = None
    solution: str | None = None
    text: str
    rewards: dict[str, FiniteFloat | None]
    total: FiniteFloat = 0.0
    advantage: FiniteFloat | None = None
    answer: str | None = None
    defects: list[str] = []
    boxes: list[_Box] = []
    reference: Detections | None = None


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


def rollout(line: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """A line of rollouts.jsonl, unchanged.

    Raises:
        LineError: a key is missing, or a value is of another kind.
    """
    try:
        _Rollout.model_validate(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:_LONGEST_NAME]
        raise LineError(f"{place}: {first['msg']}" if place else first["msg"]) from None
    checked: dict[str, Any] = line
    return checked
