"""The rewards of a recipe: thin wrappers over the single judge, and the user's own functions.

Each has TRL's signature, a `__name__`, pickles, and gives None where it does not apply.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.online_detector import (
    DetectorArgs,
    OnlineDetector,
    online_detector,
)
from tag_plugin.hosts.llamafactory.grpo.reward_files import FileReward
from tag_plugin.hosts.rl_rewards import judged, setting_problem, weight_problem
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS, REWARDS
from tag_plugin.scoring.rewards import Reward as TagReward
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig

PARSABLE: Final = "parsable"
"""Not a reward: whether there is an answer at all, which the signal alarm asks."""

_READ: Final[Mapping[str, TagReward]] = {
    **REWARDS,
    PARSABLE: TagReward(lambda scored, _: float(scored.parsed.answer is not None), 0.0),
}


@dataclass(frozen=True)
class JudgedReward:
    """One part of the judge's verdict, as a reward. Rows that are not TAG's get None."""

    name: str
    frame: BoxFrame
    config: JudgeConfig = DEFAULT_JUDGE
    detector: OnlineDetector | None = None

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def needs_detections(self) -> bool:
        """Whether a row without detections gets None."""
        return _READ[self.name].grounding

    def __call__(
        self,
        completions: Sequence[str],
        tag_row: Sequence[str],
        images: Sequence[Sequence[str]] = (),
        **_: object,
    ) -> list[float | None]:
        """A value in [0, 1] for each completion, or None."""
        read = _READ[self.name].read
        rows = tag_row
        if self.detector is not None:
            rows = [self.completed(*each) for each in zip(tag_row, images, strict=True)]
        return [
            read(judged(text, row, self.frame, self.config), self.config) if row else None
            for text, row in zip(completions, rows, strict=True)
        ]

    def completed(self, row: str, images: Sequence[str]) -> str:
        """The row (as JSON) with what the online detector saw, where there is one."""
        return self.detector.complete(row, images[0]) if self.detector and row else row


Reward = JudgedReward | FileReward


def _weight(value: object) -> object:
    problem = None if value is None else weight_problem(value)
    if problem:
        raise ValueError(problem)
    return value


Weight = Annotated[float, BeforeValidator(_weight)]


class RewardSpec(BaseModel):
    """One entry of `rewards:`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weight: Weight | None = None
    args: dict[str, Any] = {}


@dataclass(frozen=True)
class WeightedRewards:
    """The rewards of a run with their weights, in the recipe's order."""

    functions: tuple[Reward, ...]
    weights: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, as they are logged."""
        return tuple(function.name for function in self.functions)

    @property
    def judged(self) -> tuple[JudgedReward, ...]:
        """Those that read a TAG row."""
        return tuple(each for each in self.functions if isinstance(each, JudgedReward))

    @property
    def judge(self) -> JudgedReward | None:
        """The one whose verdict tells the most: with a detector of its own, or with boxes."""
        told = sorted(self.judged, key=lambda each: (not each.detector, not each.needs_detections))
        return next(iter(told), None)


def parse_rewards(entries: Sequence[Any] | None, frame: BoxFrame | None) -> WeightedRewards:
    """The recipe's `rewards:`; without one, the answer, the AU grounding and the format.

    Args:
        entries: the list as YAML gives it; a plain name stands for {name: it}.
        frame: the box frame of the template, None when it declares none.

    Raises:
        GrpoError: an entry that cannot be used; names it.
    """
    specs = [_spec(entry) for entry in (DEFAULT_WEIGHTS if entries is None else entries)]
    functions = tuple(_reward(spec, frame) for spec in specs)
    names = [function.name for function in functions]
    if not names or len(set(names)) < len(names):
        raise GrpoError(f"rewards: needs at least one, each name once, not {names}")
    weights = tuple(
        _weight_of(function) if spec.weight is None else spec.weight
        for spec, function in zip(specs, functions, strict=True)
    )
    if not any(weights):
        raise GrpoError("rewards: every weight is 0, so that no completion earns anything")
    return WeightedRewards(functions, weights)


def _weight_of(reward: Reward) -> float:
    return REWARDS[reward.name].weight if isinstance(reward, JudgedReward) else 1.0


def _spec(entry: Any) -> RewardSpec:
    try:
        return RewardSpec.model_validate({"name": entry} if isinstance(entry, str) else entry)
    except ValidationError as error:
        raise GrpoError(f"rewards: {entry!r:.80}: {setting_problem(error)}") from None


def _reward(spec: RewardSpec, frame: BoxFrame | None) -> Reward:
    file, colon, name = spec.name.rpartition(":")
    if colon:
        reward = FileReward(file, name, spec.args)
        reward.check_signature()
        return reward
    if spec.name not in REWARDS:
        near = difflib.get_close_matches(spec.name, REWARDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"next: one of {', '.join(REWARDS)}, or "
        raise GrpoError(
            f"rewards: unknown reward {spec.name!r}; {hint}" + ("" if near else "file.py:function")
        )
    if frame is None:
        raise GrpoError(
            f"rewards: {spec.name} reads TAG rows, which need a tag_ template; next: template: "
            "tag_..., or rewards: [{name: file.py:function}]"
        )
    return _judged_reward(spec, frame)


def _judged_reward(spec: RewardSpec, frame: BoxFrame) -> JudgedReward:
    online, left = None, dict(spec.args)
    if REWARDS[spec.name].grounding:
        online = online_detector(spec.name, spec.args)
        left = {k: v for k, v in left.items() if k not in DetectorArgs.model_fields}
    try:
        return JudgedReward(spec.name, frame, JudgeConfig.model_validate(left), online)
    except ValidationError as error:
        raise GrpoError(f"rewards: {spec.name}: args.{setting_problem(error)}") from None
