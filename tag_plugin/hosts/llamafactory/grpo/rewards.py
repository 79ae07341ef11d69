"""The rewards of a recipe: thin wrappers over the single judge, and the user's own functions.

Each has TRL's signature, a `__name__`, pickles, and gives None where it does not apply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from tag_plugin.data.model_error import checked
from tag_plugin.data.rows import Row, parse_row
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.frozen import Frozen
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError, refuse, unknown
from tag_plugin.hosts.llamafactory.grpo.online_detector import (
    DetectorArgs,
    OnlineDetector,
    online_detector,
)
from tag_plugin.hosts.llamafactory.grpo.reward_files import FileReward
from tag_plugin.hosts.rl_rewards import weight_problem
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS, REWARDS
from tag_plugin.scoring.rewards import Reward as TagReward
from tag_plugin.scoring.score import (
    DEFAULT_JUDGE,
    JudgeConfig,
    Reference,
    ScoredCompletion,
    score_completion,
)

TAG_ROW: Final = "tag_row"
"""The column that holds a TAG row as JSON, "" for other data."""

PARSABLE: Final = "parsable"
"""Not a reward: whether there is an answer at all, which the signal alarm asks."""

NO_CLAIM: Final = "no_claim"
"""Not a reward: whether no action unit is claimed; silence is what a reward may come to pay for."""

_READ: Final[Mapping[str, TagReward]] = {
    **REWARDS,
    PARSABLE: TagReward(lambda scored, _: float(scored.parsed.answer is not None), 0.0),
    NO_CLAIM: TagReward(lambda scored, _: float(not scored.parsed.claims), 0.0),
}

_MEMORY: Final = 8192
"""Rows, and completions: several rewards ask for the same row and verdict."""


@dataclass(frozen=True, eq=False)
class KnownRow:
    """A TAG row; `known_row` reads each one once, so that it is a key of what is known about it."""

    row: Row

    @cached_property
    def reference(self) -> Reference:
        """What the judge compares with."""
        return self.row.reference


@lru_cache(maxsize=_MEMORY)
def known_row(line: str) -> KnownRow:
    """The row in a column TAG_ROW.

    Raises:
        RowError: it is none.
    """
    return KnownRow(parse_row(line, TAG_ROW))


@lru_cache(maxsize=_MEMORY)
def _measured(detector: OnlineDetector, known: KnownRow, image: str) -> KnownRow:
    row = detector.complete(known.row, image)
    return known if row is known.row else KnownRow(row)


@lru_cache(maxsize=_MEMORY)
def _judged(text: str, known: KnownRow, frame: BoxFrame, config: JudgeConfig) -> ScoredCompletion:
    return score_completion(text, known.reference, frame, config)


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
        columns = zip(completions, tag_row, images or [()] * len(tag_row), strict=True)
        return [
            read(self.verdict(text, self.known(line, pictures)), self.config) if line else None
            for text, line, pictures in columns
        ]

    def known(self, line: str, images: Sequence[str]) -> KnownRow:
        """The row of a sample, with what the online detector saw, where there is one."""
        known = known_row(line)
        return _measured(self.detector, known, images[0]) if self.detector else known

    def verdict(self, text: str, known: KnownRow) -> ScoredCompletion:
        """The judge's verdict on a completion."""
        return _judged(text, known, self.frame, self.config.asking(known.row.asked))


Reward = JudgedReward | FileReward


def _weight(value: object) -> object:
    if value is not None and (problem := weight_problem(value)):
        raise ValueError(problem)
    return value


Weight = Annotated[float, BeforeValidator(_weight)]


class RewardSpec(Frozen):
    """One entry of `rewards:`."""

    name: str
    weight: Weight | None = None
    args: Mapping[str, Any] = {}


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
        return max(
            self.judged,
            key=lambda each: (each.detector is not None, each.needs_detections),
            default=None,
        )


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
    usual = {name: reward.weight for name, reward in REWARDS.items()}
    weights = tuple(usual.get(s.name, 1.0) if s.weight is None else s.weight for s in specs)
    refuse(
        {
            f"rewards: needs at least one, each name once, not {names}": (
                not names or len(set(names)) < len(names)
            ),
            "rewards: every weight is 0, so that no completion earns anything": not any(weights),
        }
    )
    return WeightedRewards(functions, weights)


def _spec(entry: Any) -> RewardSpec:
    named = {"name": entry} if isinstance(entry, str) else entry
    return checked(RewardSpec, named, f"rewards: {entry!r:.80}: ", error=GrpoError)


def _reward(spec: RewardSpec, frame: BoxFrame | None) -> Reward:
    file, colon, name = spec.name.rpartition(":")
    if colon:
        reward = FileReward(file, name, dict(spec.args))
        reward.check_signature()
        return reward
    if spec.name not in REWARDS:
        raise unknown("rewards: unknown reward", spec.name, REWARDS, ", or file.py:function")
    if frame is None:
        raise GrpoError(
            f"rewards: {spec.name} reads TAG rows, which need a tag_ template; next: template: "
            "tag_..., or rewards: [{name: file.py:function}]"
        )
    online, args = None, dict(spec.args)
    if REWARDS[spec.name].grounding:
        online = online_detector(spec.name, args)
        args = {k: v for k, v in args.items() if k not in DetectorArgs.model_fields}
    config = checked(JudgeConfig, args, f"rewards: {spec.name}: args.", error=GrpoError)
    return JudgedReward(spec.name, frame, config, online)
