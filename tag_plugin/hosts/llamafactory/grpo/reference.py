"""With beta > 0 the policy is held near a reference, which must be the model that it starts from.

trl/trainer/grpo_trainer.py, GRPOTrainer.__init__: the reference is the model without its adapter
or, where there is none, model_name_or_path read anew.
"""

from typing import Any, Final

import torch
from peft import LoraConfig, PeftModel
from transformers.integrations import is_deepspeed_zero3_enabled

from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError

_KEEPS_BASE: Final = (True, "gaussian", "orthogonal")
"""PEFT's ways to begin a LoRA whose product is 0, on a base that stays as it is."""

_CHANGES_MODEL: Final = (
    "train_from_scratch",
    "resize_vocab",
    "add_tokens",
    "add_special_tokens",
    "new_special_tokens_config",
    "rope_scaling",
    "mixture_of_depths",
)
"""What the host does to the model that it loads, and TRL not to the one that it reads anew."""


def check_reference(model_args: Any, finetuning_args: Any, config: Any) -> None:
    """Refuses a recipe whose reference would be another model than the one it starts from.

    Raises:
        GrpoError: names the setting and what to write instead.
    """
    adapter = finetuning_args.finetuning_type in ("lora", "oft")
    if config.sync_ref_model and (adapter or not config.beta):
        raise GrpoError(
            "grpo: sync_ref_model: there is no reference model of its own to keep in step; next: "
            "beta above 0 and finetuning_type: full, or leave it out"
        )
    if not config.beta:
        return
    if finetuning_args.pissa_init:
        raise _other_model("pissa_init: true", "has its principal part taken out", "pissa_init")
    if adapter:
        _check_adapters(model_args, finetuning_args)
        return
    changed = next((name for name in _CHANGES_MODEL if getattr(model_args, name)), None)
    if changed:
        raise _other_model(changed, "is read from model_name_or_path without that change", changed)


def _check_adapters(model_args: Any, finetuning_args: Any) -> None:
    """An adapter that goes on being trained is not part of the reference; a merged one is."""
    merged = finetuning_args.create_new_adapter and not is_deepspeed_zero3_enabled()
    if not model_args.adapter_name_or_path or merged:
        return
    remedy = (
        "merge it first (llamafactory-cli export), which ZeRO-3 cannot do at the start"
        if finetuning_args.create_new_adapter
        else "create_new_adapter: true (the adapter is merged first)"
    )
    raise GrpoError(
        "grpo: beta > 0 with adapter_name_or_path would take the model without the adapter as "
        f"the reference; next: {remedy}"
    )


def check_adapter_start(model: Any, beta: float) -> None:
    """The rule behind `check_reference`, asked of the adapter itself, whoever chose its start.

    Raises:
        GrpoError: it may have changed the base, or does not start as that base.
    """
    if not beta or not isinstance(model, PeftModel):
        return
    for config in model.peft_config.values():
        if isinstance(config, LoraConfig) and config.init_lora_weights not in _KEEPS_BASE:
            start = f"init_lora_weights {config.init_lora_weights!r}"
            raise _other_model(start, "may differ from what this starts from", start)


def _other_model(setting: str, how: str, leave_out: str) -> GrpoError:
    return GrpoError(
        f"grpo: beta > 0 with {setting}: the reference model {how}, so that the KL term would pull "
        f"away from the start; next: grpo: {{beta: 0}}, or leave {leave_out} out"
    )


def reference_settings(model: Any, model_args: Any) -> dict[str, Any]:
    """How TRL reads the reference model: the policy's revision, precision and attention."""
    return {
        "dtype": model_args.compute_dtype or torch.float32,
        "attn_implementation": model.config._attn_implementation,
        "revision": model_args.model_revision,
        "cache_dir": model_args.cache_dir,
        "token": model_args.hf_hub_token,
        "trust_remote_code": model_args.trust_remote_code,
    }
