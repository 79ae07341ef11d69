"""Completions on a CPU: the attention of a new token as two products.

transformers/integrations/sdpa_attention.py, sdpa_attention_forward: repeats all keys and values
for each head of a group, at every new token; torch's CPU kernel then works on one query, which is
not what it is made for. Longer queries (the prompt, the training forwards) stay with it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tag_plugin.hosts.repairs import mends

_NAME = "sdpa"


@contextmanager
def fast_decoding(model: nn.Module) -> Iterator[None]:
    """While it lasts, this model on a CPU attends from a single new token by `grouped_attention`.

    Its own modules alone: any other model of the process keeps the library's attention.
    """
    device = next(model.parameters()).device
    if device.type != "cpu" or not mends("cpu_decoding"):
        yield
        return
    before = ALL_ATTENTION_FUNCTIONS[_NAME]
    ALL_ATTENTION_FUNCTIONS[_NAME] = _dispatch(before, frozenset(map(id, model.modules())))
    try:
        yield
    finally:
        ALL_ATTENTION_FUNCTIONS[_NAME] = before


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
        found: tuple[Tensor, None] = before(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return found

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
