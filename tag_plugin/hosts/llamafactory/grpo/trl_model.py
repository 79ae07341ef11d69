"""What TRL 0.24 expects of a model that the host has loaded with transformers of either generation.

Without `mm_token_type_ids`, which TRL does not pass on, transformers 5 numbers image tokens like
text (transformers/models/*/modeling_*.py, `compute_3d_position_ids`): no error, but other positions
than in SFT. They follow from the input ids.

Completions on a CPU attend from a new token by two products: transformers/integrations/
sdpa_attention.py, sdpa_attention_forward, repeats all keys and values for each head of a group, at
every new token; torch's CPU kernel then works on one query, which is not what it is made for.
Longer queries (the prompt, the training forwards) stay with it.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tag_plugin.hosts.repairs import mends
from tag_plugin.hosts.versions import is_transformers_5

MODALITY_IDS: Final = "mm_token_type_ids"
_SDPA: Final = "sdpa"


def ready_for_trl(model: Any, use_reentrant: bool) -> None:
    """Gives a model what TRL takes for granted.

    trl/models/utils.py, unwrap_model_for_generation, turns gradient checkpointing on again without
    arguments; llamafactory/model/model_utils/checkpointing.py then forgets `use_reentrant_gc`.
    transformers 5 no longer keeps `warnings_issued`, which trl/trainer/grpo_trainer.py sets.
    """
    enable, usual = model.gradient_checkpointing_enable, {"use_reentrant": use_reentrant}
    model.gradient_checkpointing_enable = lambda settings=None: enable(settings or usual)
    if is_transformers_5():
        model.warnings_issued = {}


def pass_token_types(model: Any) -> bool:
    """Makes a model, in whatever it is wrapped, find the token types by itself.

    Every module is hooked that turns token types into positions.

    Returns:
        Whether it asks for them; a generation needs them too.
    """
    modules = model.modules() if model is not None and is_transformers_5() else ()
    asking = [
        each
        for each in modules
        if MODALITY_IDS in inspect.signature(each.forward).parameters
        and callable(getattr(each, "get_rope_index", None))
    ]
    for module in asking:
        module.register_forward_pre_hook(
            partial(_with_token_types, module.config), with_kwargs=True
        )
    return bool(asking)


def token_types(ids: torch.Tensor, config: Any) -> torch.Tensor:
    """0 text, 1 image, 2 video, of the shape of `ids`.

    As llamafactory/data/collator.py, `_compute_rope_position_ids`, gives them to SFT.
    """
    types = torch.zeros_like(ids)
    types[ids == config.image_token_id] = 1
    types[ids == config.video_token_id] = 2
    return types


def _with_token_types(
    config: Any, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A forward pre-hook, which leaves a call alone that has types or positions, or has no ids."""
    ids = kwargs.get("input_ids")
    settled = any(kwargs.get(name) is not None for name in (MODALITY_IDS, "position_ids"))
    if ids is not None and not settled:
        kwargs = {**kwargs, MODALITY_IDS: token_types(ids, config)}
    return args, kwargs


@contextmanager
def fast_decoding(model: nn.Module) -> Iterator[None]:
    """While it lasts, this model on a CPU attends from a single new token by `grouped_attention`.

    Its own modules alone: any other model of the process keeps the library's attention.
    """
    if next(model.parameters()).device.type != "cpu" or not mends("cpu_decoding"):
        yield
        return
    before = ALL_ATTENTION_FUNCTIONS[_SDPA]
    ALL_ATTENTION_FUNCTIONS[_SDPA] = _dispatch(before, frozenset(map(id, model.modules())))
    try:
        yield
    finally:
        ALL_ATTENTION_FUNCTIONS[_SDPA] = before


def _dispatch(before: Callable[..., Any], own: frozenset[int]) -> Callable[..., Any]:
    def attend(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        dropout: float = 0.0,
        scaling: float | None = None,
        **more: Any,
    ) -> tuple[Tensor, None]:
        alike = attention_mask is None or attention_mask.shape[1] == 1  # for all heads
        single = query.shape[2] == 1 and id(module) in own
        if single and alike and not dropout and not query.requires_grad:
            return grouped_attention(query, key, value, attention_mask, scaling), None
        return before(  # type: ignore[no-any-return]  # a library's function
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )

    return attend


def grouped_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    scaling: float | None = None,
) -> Tensor:
    """Attention from one token of each sequence.

    Args:
        query: (batch, heads, 1, size).
        key: (batch, groups, n, size); each group serves heads / groups neighbouring heads.
        value: as `key`.
        attention_mask: (batch or 1, 1, 1, at least n): True, or 0.0, where the token may look.
        scaling: of the products; 1 / sqrt(size) when None.

    Returns:
        (batch, 1, heads, size).
    """
    batch, heads, _, size = query.shape
    groups, n = key.shape[1], key.shape[2]
    grouped = query.reshape(batch, groups, heads // groups, size)
    scores = grouped @ key.transpose(2, 3) * (size**-0.5 if scaling is None else scaling)
    if attention_mask is not None:
        mask = attention_mask[..., :n]
        scores = (
            scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        )
    weights = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    return (weights @ value).reshape(batch, 1, heads, size)
