"""What a recipe of `stage: grpo` may say: its options, and which of the host's it does not follow.

These are refused by name, never ignored. Every other field of the host's arguments is followed,
because this stage calls the host's own code for it (model, tokenizer, template, data, optimizers,
callbacks, trainer), or says nothing about a training (export, inference back ends of its chat).
"""

import math
from collections.abc import Mapping
from dataclasses import Field, field, fields, make_dataclass
from typing import Any, Final, Literal, cast, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from tag_plugin.data.text_file import TextFileError, parse_json
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError

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


_LEAST: Final[Mapping[str, int]] = {
    "signal_warning": 1,
    "signal_patience": 1,
    "rollout_steps": 0,
    "rollout_samples": 1,
}


def extended_arguments(host: type) -> type:
    """The host's FinetuningArguments with the stage `grpo` and its options.

    Same name and module as the host's own: the host takes it by name, and names it in its errors.
    """
    stages = get_args(get_type_hints(host)["stage"])
    stage = _option("sft", "Which stage will be performed in training.")
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
        for name, _, option in _OPTIONS:
            if getattr(self, name) != option.default:
                raise GrpoError(f"{name}: is for stage: {STAGE}, not for stage: {self.stage}")

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
        if name in _LEAST and value is not None and value < _LEAST[name]:
            raise GrpoError(f"{name}: must be at least {_LEAST[name]}, not {value}")
    if not (0 < arguments.signal_share <= 1 and 0 <= arguments.signal_epsilon < math.inf):
        raise GrpoError("signal_share must be in (0, 1] and signal_epsilon at least 0")


_OF_SFT: Final = "is for stage: sft"
_OF_PREFERENCES: Final = "is for the stages dpo, kto and ppo; next: see grpo: and rewards:"
_OF_CHAT: Final = "is for the host's chat and api"
_SAMPLING: Final = "next: say under grpo: how completions are sampled"


def _for(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


NOT_FOLLOWED: Final[Mapping[str, str]] = {
    "use_mca": "Megatron trains the stages pt, sft and dpo only",
    **_for(f"HyperParallel {_OF_SFT} only", "use_hyper_parallel", "hyper_parallel_args"),
    "use_badam": "BAdam's callbacks are not part of this stage",
    **_for(_OF_SFT, "use_dft_loss", "use_asft_loss", "asft_alpha", "use_eaft_loss"),
    **_for(_OF_SFT, "eaft_alpha", "compute_accuracy", "include_effective_tokens_per_second"),
    **_for(_OF_PREFERENCES, "pref_beta", "pref_ftx", "pref_bco_weight", "pref_loss"),
    **_for(_OF_PREFERENCES, "dpo_label_smoothing", "kto_chosen_weight", "kto_rejected_weight"),
    **_for(_OF_PREFERENCES, "simpo_gamma", "ld_alpha", "ppo_buffer_size", "ppo_epochs"),
    **_for(_OF_PREFERENCES, "ppo_score_norm", "ppo_target", "ppo_whiten_rewards"),
    **_for(
        "the reference is the model that the run starts from",
        *("ref_model", "ref_model_adapters", "ref_model_quantization_bit"),
    ),
    **_for(
        "a reward is a function here; next: rewards:",
        *("reward_model", "reward_model_adapters", "reward_model_quantization_bit"),
        "reward_model_type",
    ),
    "packing": f"{_OF_SFT}: a prompt is a sample of its own here",
    "ignore_pad_token_for_loss": _OF_SFT,
    **_for(_SAMPLING, "eval_num_beams", "generation_num_beams", "generation_config"),
    "shift_attn": "it changes attention in training only, not while completions are written",
    **_for(f"{_OF_CHAT}; next: see vllm_ settings under grpo:", "vllm_maxlen", "vllm_gpu_util"),
    **_for(_OF_CHAT, "vllm_enforce_eager", "vllm_max_lora_rank", "vllm_config", "use_kv_cache"),
    **_for(_OF_CHAT, "sglang_maxlen", "sglang_mem_fraction", "sglang_tp_size"),
    **_for(_OF_CHAT, "sglang_config", "sglang_lora_backend"),
    **_for("fp8 is not part of this stage", "fp8", "fp8_backend"),
    "fp8_enable_fsdp_float8_all_gather": "fp8 is not part of this stage",
    "do_predict": f"{_OF_SFT}; next: lmms-eval, or do_eval: true",
    **_for("the sampler keeps groups together", "sortish_sampler", "group_by_length"),
    "train_sampling_strategy": "the sampler keeps groups together; next: disable_shuffling: true",
    "label_smoothing_factor": "there are no labels to smooth",
    "auto_find_batch_size": "a smaller batch would not hold whole groups",
    **_for(_SAMPLING, "do_sample", "temperature", "top_p", "top_k", "num_beams", "max_length"),
    **_for(_SAMPLING, "max_new_tokens", "repetition_penalty", "length_penalty"),
    "skip_special_tokens": _SAMPLING,
}
"""Setting -> why it has no effect here, or what to write instead."""


def refuse_unfollowed(arguments: Any) -> None:
    """Refuses a setting that was changed and would be ignored.

    Raises:
        GrpoError: names the setting and the reason.
    """
    for each in fields(arguments):
        value = getattr(arguments, each.name)
        if each.name in NOT_FOLLOWED and value != each.default and (value or each.default):
            raise GrpoError(
                f"{each.name}: {value}: stage: grpo does not follow it: {NOT_FOLLOWED[each.name]}"
            )


def refuse_unfollowed_length(data_args: Any, training_args: Any) -> None:
    """The host fills `generation_max_length` with `cutoff_len` where a recipe says nothing.

    Raises:
        GrpoError: a recipe said something.
    """
    if training_args.generation_max_length != data_args.cutoff_len:
        raise GrpoError(
            "generation_max_length: stage: grpo does not follow it; next: grpo: "
            "{max_completion_length: ...}"
        )
