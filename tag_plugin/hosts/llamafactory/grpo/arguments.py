"""What a recipe of `stage: grpo` may say, as one extension of the host's finetuning arguments."""

import math
from collections.abc import Mapping
from dataclasses import Field, field, make_dataclass
from typing import Any, Final, Literal, cast, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from tag_plugin.data.text_file import TextFileError, parse_json
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.host_settings import refuse_unfollowed

STAGE: Final = "grpo"


def _option(default: object, text: str) -> "Field[Any]":
    return cast("Field[Any]", field(default=default, metadata={"help": text}))


_OPTIONS: tuple[tuple[str, Any, "Field[Any]"], ...] = (
    (
        "grpo",
        dict[str, Any] | str | None,
        _option(None, "Settings of TRL's GRPOConfig, as they are."),
    ),
    (
        "rewards",
        list[Any] | str | None,
        _option(None, "A list of {name | file.py:function, weight, args}; the default is TAG's."),
    ),
    (
        "signal_epsilon",
        float,
        _option(1e-4, "A group whose rewards differ by no more than this teaches nothing."),
    ),
    (
        "signal_share",
        float,
        _option(0.9, "A log step is silent when this share of its groups teaches nothing."),
    ),
    ("signal_warning", int, _option(5, "Warn after so many silent log steps in a row.")),
    (
        "signal_patience",
        int | None,
        _option(None, "Stop after so many silent log steps in a row; never, when unset."),
    ),
    (
        "first_batch_check",
        bool,
        _option(True, "Refuse to train when no completion of the first batch can be parsed."),
    ),
    (
        "rollout_steps",
        int,
        _option(10, "Append completions to rollouts.jsonl every so many steps; 0 turns it off."),
    ),
    ("rollout_samples", int, _option(8, "How many completions are kept each time.")),
)


def extended_arguments(host: type) -> type:
    """The host's FinetuningArguments with the stage `grpo` and its options.

    Same name and module as the host's own: the host takes it by name, and names it in its errors.
    """
    stages = get_args(get_type_hints(host)["stage"])
    stage = field(default="sft", metadata={"help": "Which stage will be performed in training."})
    return make_dataclass(
        host.__name__,
        [("stage", Literal[(*stages, STAGE)], stage), *_OPTIONS],
        bases=(host,),
        namespace={
            "__module__": host.__module__,
            "__doc__": host.__doc__,
            "__post_init__": _post_init(host),
        },
    )


def _post_init(host: type) -> Any:
    def check(self: Any) -> None:
        host.__post_init__(self)  # type: ignore[attr-defined]  # the host's dataclass has one
        self.grpo = structure(self.grpo, "grpo")
        self.rewards = structure(self.rewards, "rewards")
        if self.stage == STAGE:
            refuse_unfollowed(self)
            _check_numbers(self)
            return
        changed = [name for name, _, option in _OPTIONS if getattr(self, name) != option.default]
        if changed:
            raise GrpoError(f"{changed[0]}: is for stage: {STAGE}, not for stage: {self.stage}")

    return check


def structure(value: Any, name: str) -> Any:
    """The mapping or list that an option holds, also where it was written as JSON.

    Raises:
        GrpoError: text that is not JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value, name)
    except TextFileError as error:
        raise GrpoError(f"{error}; next: write it as YAML in a recipe") from None


def check_rewards(rewards: Any) -> None:
    """That `rewards:` is a list.

    Raises:
        GrpoError: it is not.
    """
    if rewards is not None and not isinstance(rewards, list):
        raise GrpoError(f"rewards: must be a list, not {rewards!r:.80}")


def _check_numbers(arguments: Any) -> None:
    if arguments.grpo is not None and not isinstance(arguments.grpo, Mapping):
        raise GrpoError(f"grpo: must be a mapping of settings, not {arguments.grpo!r:.80}")
    check_rewards(arguments.rewards)
    for name, kind, _ in _OPTIONS[2:]:
        value = getattr(arguments, name)
        try:
            TypeAdapter(kind, config=ConfigDict(strict=True)).validate_python(value)
        except ValidationError as error:
            raise GrpoError(f"{name}: {error.errors()[0]['msg']}, not {value!r:.40}") from None
    least = {"signal_warning": 1, "signal_patience": 1, "rollout_steps": 0, "rollout_samples": 1}
    for name, bound in least.items():
        value = getattr(arguments, name)
        if value is not None and value < bound:
            raise GrpoError(f"{name}: must be at least {bound}, not {value}")
    if not (0 < arguments.signal_share <= 1 and 0 <= arguments.signal_epsilon < math.inf):
        raise GrpoError("signal_share must be in (0, 1] and signal_epsilon at least 0")
