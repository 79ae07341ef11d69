"""The rewards by name, whichever host asks: each reads one value off the judge's verdict.

It also defines the ground truth that travels with an exported row, for hosts that hand a reward one
string: all that the judge needs, so that such a host needs no other setting.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from pydantic import ValidationError

from tag_plugin.data.model_error import checked
from tag_plugin.data.rows import Row
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.frozen import Frozen
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS, REWARDS
from tag_plugin.scoring.score import (
    DEFAULT_JUDGE,
    AskedUnits,
    JudgeConfig,
    Reference,
    score_completion,
)

_LARGEST_WEIGHT: Final = 1e6

_MEMORY: Final = 8192  # rows; each of several completions and rewards asks for the same one


class GroundTruthError(ValueError):
    """A ground truth that `tag-plugin export-rl` did not write, or a setting that is none."""


class GroundTruth(Frozen):
    """What a completion is compared with, and the frame that the prompt asked for boxes in."""

    box_frame: BoxFrame
    row: Row


def weight_problem(weight: object) -> str | None:
    """Why a value is not the weight of a reward, or None; a weight of 0 only logs it."""
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        return f"not a number but {weight!r:.40}"
    fits = 0 <= weight <= _LARGEST_WEIGHT
    return None if fits else f"must be from 0 to {_LARGEST_WEIGHT:g}, not {weight!r:.40}"


def scores(
    text: str,
    ground_truth: str,
    names: Mapping[str, float] = DEFAULT_WEIGHTS,
    config: JudgeConfig = DEFAULT_JUDGE,
) -> dict[str, float | None]:
    """The rewards `names` of a completion of an exported row.

    Raises:
        GroundTruthError: another ground truth, an unknown reward, or a weight that is none.
    """
    for name, weight in names.items():
        if name not in REWARDS:
            raise GroundTruthError(f"unknown reward {name!r}; next: one of {', '.join(REWARDS)}")
        if problem := weight_problem(weight):
            raise GroundTruthError(f"weights: {name}: {problem}")
    reference, frame, asked = _read(ground_truth)
    scored = score_completion(text, reference, frame, config.asking(asked))
    return {name: REWARDS[name].read(scored, config) for name in names}


def judge_config(settings: Mapping[str, Any] | None) -> JudgeConfig:
    """The judge's settings as a host gives them: mappings of any kind.

    Raises:
        GroundTruthError: an unknown setting, or a value of the wrong type or out of range.
    """
    plain = {k: dict(v) if isinstance(v, Mapping) else v for k, v in (settings or {}).items()}
    return checked(JudgeConfig, plain, "judge: ", error=GroundTruthError)


@lru_cache(maxsize=_MEMORY)
def _read(ground_truth: str) -> tuple[Reference, BoxFrame, AskedUnits | None]:
    try:
        read = GroundTruth.model_validate_json(ground_truth)
    except ValidationError as error:
        raise GroundTruthError(
            f"{ground_truth[:80]!r} is no ground truth of tag-plugin ({error.errors()[0]['msg']}); "
            "next: tag-plugin export-rl writes rows with one"
        ) from None
    return read.row.reference, read.box_frame, read.row.asked
