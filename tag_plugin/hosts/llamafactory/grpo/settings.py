"""The recipe's `grpo:` mapping and the host's training arguments -> TRL's GRPOConfig."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, get_type_hints

from pydantic import TypeAdapter, ValidationError
from transformers import TrainingArguments
from trl.trainer import grpo_config as trl_config

from tag_plugin.hosts.llamafactory.grpo.advantages import AGGREGATIONS, SUM_FIRST
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError, refuse, unknown


@dataclass
class GRPOConfig(trl_config.GRPOConfig):  # type: ignore[misc]  # the hosts ship no types
    """TRL's, with a setting of its later versions, and vLLM where it can run."""

    multi_objective_aggregation: str = field(
        default=SUM_FIRST, metadata={"help": "Rewards are summed, or first normalised one by one."}
    )
    vllm_mode: str = field(default="colocate", metadata={"help": "TRL's default is `server`."})


RESERVED: Final[Mapping[str, str]] = {
    "max_prompt_length": "a cut prompt would lose image tokens; next: set cutoff_len, longer "
    "prompts are dropped whole",
    "model_init_kwargs": "the host loads the model; next: use its own model arguments",
    "remove_unused_columns": "the rewards read the columns",
    "reward_weights": "next: write the weight beside each reward in `rewards:`",
}
"""Settings of GRPOConfig that this stage decides itself, with the reason."""

_TRAINING: Final = {each.name for each in fields(TrainingArguments)}
_OWN: Final = {each.name for each in fields(GRPOConfig)} - _TRAINING
_BY_BOOLEAN: Final = {"scale_rewards"}  # annotated as text, True and False are documented values

_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "loss_type": ("grpo", "bnpo", "dr_grpo", "dapo"),
    "importance_sampling_level": ("token", "sequence"),
    "scale_rewards": ("group", "batch", "none"),
    "multi_objective_aggregation": AGGREGATIONS,
    "vllm_mode": ("server", "colocate"),
}
_POSITIVE: Final = {"temperature", "repetition_penalty", "top_p", "vllm_gpu_memory_utilization"}
_SHARES: Final = {"top_p", "min_p", "top_entropy_quantile", "ref_model_mixup_alpha"} | {
    "vllm_gpu_memory_utilization"
}
_LEAST: Final[Mapping[str, int]] = {
    **dict.fromkeys(("beta", "epsilon", "epsilon_high", "delta", "top_k"), 0),
    **dict.fromkeys(("num_iterations", "steps_per_generation", "generation_batch_size"), 1),
    **dict.fromkeys(("max_completion_length", "ref_model_sync_steps"), 1),
    "vllm_tensor_parallel_size": 1,
}
"""What TRL would find out, if at all, when the model has long been loaded."""


def check_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The `grpo:` mapping with its values as GRPOConfig declares them.

    Raises:
        GrpoError: an unknown setting (names the near match), one that belongs elsewhere, or a
            value of the wrong type.
    """
    return {name: _value(name, value) for name, value in settings.items()}


def grpo_config(
    training_args: Any,
    settings: Mapping[str, Any],
    weights: list[float],
) -> GRPOConfig:
    """TRL's configuration: the host's training arguments, the `grpo:` mapping, the weights.

    Raises:
        GrpoError: the settings contradict each other.
    """
    checked = check_settings(settings)
    shared = {e.name: getattr(training_args, e.name) for e in fields(TrainingArguments) if e.init}
    shared |= {"remove_unused_columns": False, "max_prompt_length": None, "reward_weights": weights}
    _check_groups(training_args, checked)
    try:
        return GRPOConfig(**shared, **checked)
    except ValueError as error:
        raise GrpoError(f"grpo: {error}") from None


def _value(name: str, value: Any) -> Any:
    if value is None and name in RESERVED:
        return None
    if name in RESERVED:
        raise GrpoError(f"grpo: {name} cannot be set: {RESERVED[name]}")
    if name in _TRAINING:
        raise GrpoError(f"grpo: {name} belongs to the top level of the recipe, not under grpo:")
    if name not in _OWN:
        raise unknown("grpo: unknown setting", name, sorted(_OWN))
    if name in _BY_BOOLEAN and isinstance(value, bool):
        return value
    try:
        checked = TypeAdapter(get_type_hints(GRPOConfig)[name]).validate_python(value)
    except ValidationError as error:
        raise GrpoError(f"grpo: {name}: {error.errors()[0]['msg']}, not {value!r:.40}") from None
    _check_range(name, checked)
    return checked


def _check_range(name: str, value: Any) -> None:
    if value is None:
        return
    words = _WORDS.get(name, (value,))
    refuse(
        {
            f"grpo: {name}: {value!r:.40}; next: one of {', '.join(map(str, words))}": (
                value not in words
            ),
            f"grpo: {name}: must be finite, not {value}": (
                isinstance(value, float) and not math.isfinite(value)
            ),
            f"grpo: {name}: must be above 0, not {value}": name in _POSITIVE and value <= 0,
            f"grpo: {name}: must be at least {_LEAST.get(name)}, not {value}": (
                name in _LEAST and value < _LEAST[name]
            ),
            f"grpo: {name}: must be from 0 to 1, not {value}": (
                name in _SHARES and not 0 <= value <= 1
            ),
        }
    )


def _check_groups(training_args: Any, settings: Mapping[str, Any]) -> None:
    """A generation batch holds whole groups."""
    group = settings.get("num_generations", GRPOConfig.num_generations)
    if group < 2:
        raise GrpoError(f"grpo: num_generations must be at least 2, not {group}")
    repeats = settings.get("steps_per_generation") or training_args.gradient_accumulation_steps
    trained = training_args.per_device_train_batch_size * training_args.world_size * repeats
    batch = settings.get("generation_batch_size") or trained
    whole = f"groups of num_generations {group}; next: make it a multiple of {group}"
    held_out = training_args.per_device_eval_batch_size * training_args.world_size
    refuse(
        {
            f"a batch of {batch} completions (per_device_train_batch_size x processes x "
            "gradient_accumulation_steps, or grpo: steps_per_generation) does not divide into "
            f"{whole}": batch % group,
            f"an evaluation batch of {held_out} completions (per_device_eval_batch_size x "
            f"processes) does not divide into {whole}": training_args.do_eval and held_out % group,
        }
    )
