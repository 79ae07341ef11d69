"""Settings of the host that `stage: grpo` does not follow: refused by name, never ignored.

Every other field of the host's arguments is followed, because this stage calls the host's own
code for it (model, tokenizer, template, data, optimizers, callbacks, trainer), or says nothing
about a training (export, inference back ends of the host's chat).
"""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError

_OF_SFT: Final = "is for stage: sft"
_OF_PREFERENCES: Final = "is for the stages dpo, kto and ppo; next: see grpo: and rewards:"
_OF_CHAT: Final = "is for the host's chat and api"
_SAMPLING: Final = "next: say under grpo: how completions are sampled"


def _for(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


NOT_FOLLOWED: Mapping[str, str] = MappingProxyType(
    {
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
        "label_smoothing_factor": "there are no labels to smooth",
        "auto_find_batch_size": "a smaller batch would not hold whole groups",
        **_for(_SAMPLING, "do_sample", "temperature", "top_p", "top_k", "num_beams", "max_length"),
        **_for(_SAMPLING, "max_new_tokens", "repetition_penalty", "length_penalty"),
        "skip_special_tokens": _SAMPLING,
    }
)
"""Setting -> why it has no effect here, or what to write instead."""


def refuse_unfollowed(arguments: Any) -> None:
    """Refuses a setting that was changed and would be ignored.

    Raises:
        GrpoError: names the setting and the reason.
    """
    for each in fields(arguments):
        value = getattr(arguments, each.name)
        changed = value != each.default and (value or each.default)
        if each.name in NOT_FOLLOWED and changed:
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
