"""How a model decodes: what was asked for, what the wrapper and the checkpoint make of it."""

from collections.abc import Mapping
from typing import Any, Final

from tag_plugin.hosts.lmms_eval.wrappers import Wrapper

_SAMPLING: Final = {
    *("do_sample", "temperature", "top_p", "top_k", "min_p", "typical_p"),
    *("epsilon_cutoff", "eta_cutoff"),
}
"""Settings that say nothing where the likeliest token is always taken."""

_ALWAYS_GIVEN: Final = {
    *("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "max_length"),
    *("use_cache", "cache_implementation", "return_dict_in_generate", "output_scores"),
    "transformers_version",
}
"""Settings that the host's wrappers give themselves, or that change no token."""


def effective_decoding(
    asked: Mapping[str, Any], wrapper: Wrapper, checkpoint: str, seed: int | None
) -> dict[str, Any]:
    """The generation arguments as they take effect.

    `generation_config` holds what the checkpoint's own generation_config.json adds to them, `seed`
    that of a run that samples.
    """
    decoding = dict(asked)
    if wrapper.name.startswith("vllm") and (least := wrapper.arguments.get("max_new_tokens")):
        decoding["max_new_tokens"] = max(int(decoding.get("max_new_tokens") or 0), int(least))
    samples = bool(decoding.get("do_sample")) or float(decoding.get("temperature") or 0) > 0
    if samples and seed is not None:
        decoding["seed"] = seed
    if checkpoint and wrapper.loads_checkpoint:
        left_out = _ALWAYS_GIVEN | set(asked) | (set() if samples else _SAMPLING)
        added = {k: v for k, v in _held(checkpoint).items() if k not in left_out and k[0] != "_"}
        if added:
            decoding["generation_config"] = added
    return decoding


def _held(checkpoint: str) -> dict[str, Any]:
    """What a checkpoint's generation settings change of the library's; an old one has none."""
    from transformers import AutoConfig, GenerationConfig

    try:
        config = GenerationConfig.from_pretrained(checkpoint)
    except OSError:
        try:
            config = GenerationConfig.from_model_config(
                AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
            )
        except (OSError, ValueError, KeyError):  # the host names what is wrong with it
            return {}
    return dict(config.to_diff_dict())
