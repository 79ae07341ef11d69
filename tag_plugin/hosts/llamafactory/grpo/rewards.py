"""The rewards of a recipe: thin wrappers over the single judge, and the user's own functions.

Each has TRL's signature, a `__name__`, pickles, and gives None where it does not apply.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from tag_plugin.data.rows import Row
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.scoring.rewards import (
    DEFAULT_WEIGHTS,
    class_blind_grounding,
    dual_iou_grounding,
)
from tag_plugin.scoring.score import (
    DEFAULT_JUDGE,
    JudgeConfig,
    Reference,
    ScoredCompletion,
    score_completion,
)

Part = Callable[[ScoredCompletion, JudgeConfig], float | None]

PARSABLE: Final = "parsable"
_MEMORY: Final = 8192  # completions; several rewards ask for the same verdict

PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "answer": lambda scored, _: scored.answer,
        "au_grounding": lambda scored, _: scored.grounding,
        "au_grounding_class_blind": class_blind_grounding,
        "au_grounding_dual_iou": lambda scored, _: dual_iou_grounding(scored),
        "format": lambda scored, _: scored.format,
        PARSABLE: lambda scored, _: float(scored.parsed.answer is not None),
    }
)
"""Reward name -> how it is read off a verdict."""

NAMES: Final = tuple(name for name in PARTS if name != PARSABLE)
_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "answer": DEFAULT_WEIGHTS["answer"],
        "format": DEFAULT_WEIGHTS["format"],
        **{name: DEFAULT_WEIGHTS["grounding"] for name in NAMES if name.startswith("au_")},
    }
)
_DEFAULT: Final = ("answer", "au_grounding", "format")


@dataclass(frozen=True)
class JudgedReward:
    """One part of the judge's verdict, as a reward. Rows that are not TAG's get None."""

    name: str
    frame: BoxFrame
    config: JudgeConfig = DEFAULT_JUDGE

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def needs_detections(self) -> bool:
        """Whether a row without detections gets None."""
        return self.name.startswith("au_")

    def __call__(
        self, completions: Sequence[str], tag_row: Sequence[str], **_: object
    ) -> list[float | None]:
        """A value in [0, 1] for each completion, or None."""
        part = PARTS[self.name]
        return [
            part(judged(text, row, self.frame, self.config), self.config) if row else None
            for text, row in zip(completions, tag_row, strict=True)
        ]


@dataclass(frozen=True)
class FileReward:
    """The user's own `file.py:function` with TRL's signature; `args` are passed by name."""

    file: str
    name: str
    args: dict[str, Any] = field(default_factory=dict)

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, **columns: Any) -> list[float | None]:  # noqa: ANN401  # TRL's signature
        """Whatever the function gives."""
        values: list[float | None] = load_function(self.file, self.name)(**columns, **self.args)
        return values


Reward = JudgedReward | FileReward


class RewardSpec(BaseModel):
    """One entry of `rewards:`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weight: float | None = None
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


def parse_rewards(entries: Sequence[Any] | None, frame: BoxFrame | None) -> WeightedRewards:
    """The recipe's `rewards:`; without one, the answer, the AU grounding and the format.

    Args:
        entries: the list as YAML gives it; a plain name stands for {name: it}.
        frame: the box frame of the template, None when it declares none.

    Raises:
        GrpoError: an entry that cannot be used; names it.
    """
    specs = [_spec(entry) for entry in (_DEFAULT if entries is None else entries)]
    functions = tuple(_reward(spec, frame) for spec in specs)
    names = [function.name for function in functions]
    if not names or len(set(names)) < len(names):
        raise GrpoError(f"rewards: needs at least one, each name once, not {names}")
    weights = tuple(
        _WEIGHTS.get(function.name, 1.0) if spec.weight is None else spec.weight
        for spec, function in zip(specs, functions, strict=True)
    )
    return WeightedRewards(functions, weights)


@lru_cache(maxsize=_MEMORY)
def judged(text: str, row: str, frame: BoxFrame, config: JudgeConfig) -> ScoredCompletion:
    """The judge's verdict on a completion of a TAG row (as JSON)."""
    return score_completion(text, reference(row), frame, config)


@lru_cache(maxsize=_MEMORY)
def reference(row: str) -> Reference:
    """What the judge compares with."""
    return Row.model_validate_json(row).reference


@cache
def load_function(file: str, name: str) -> Callable[..., Any]:
    """The function of a Python file.

    Raises:
        GrpoError: no such file or function, or the file does not run.
    """
    path = Path(file).resolve()
    if not path.is_file():
        raise GrpoError(f"rewards: {file}:{name}: no file {path}; next: check the path")
    spec = importlib.util.spec_from_file_location(f"tag_reward_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise GrpoError(f"rewards: {file}:{name}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's file may raise anything
        raise GrpoError(f"rewards: {path} does not run: {type(error).__name__}: {error}") from error
    function = getattr(module, name, None)
    if not callable(function):
        known = sorted(key for key, each in vars(module).items() if callable(each))
        raise GrpoError(f"rewards: {path} has no function {name!r}; it has {', '.join(known)}")
    return function  # type: ignore[no-any-return]  # checked above


def _spec(entry: Any) -> RewardSpec:  # noqa: ANN401  # YAML
    try:
        return RewardSpec.model_validate({"name": entry} if isinstance(entry, str) else entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise GrpoError(f"rewards: {entry!r}: {place}: {first['msg']}") from None


def _reward(spec: RewardSpec, frame: BoxFrame | None) -> Reward:
    file, colon, name = spec.name.rpartition(":")
    if colon:
        load_function(file, name)
        return FileReward(file, name, spec.args)
    if spec.name not in NAMES:
        raise GrpoError(
            f"rewards: unknown reward {spec.name!r}; next: one of {', '.join(NAMES)}, or "
            "file.py:function"
        )
    if frame is None:
        raise GrpoError(
            f"rewards: {spec.name} reads TAG rows, which need a tag_ template; next: template: "
            "tag_..., or rewards: [{name: file.py:function}]"
        )
    try:
        return JudgedReward(spec.name, frame, JudgeConfig.model_validate(spec.args))
    except ValidationError as error:
        first = error.errors()[0]
        raise GrpoError(f"rewards: {spec.name}: args.{first['loc'][0]}: {first['msg']}") from None
