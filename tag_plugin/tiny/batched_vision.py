"""The vision tower on a batch of face frames at once.

The host's own forward runs attention picture by picture, because its pictures differ in size.
Face frames are all alike, so one batched call gives the same numbers several times faster.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def rotary(tower: nn.Module, patches: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (patches, head width) of the patch positions of one face frame."""
    side = round(patches**0.5)
    angles = tower.rot_pos_emb(torch.tensor([[1, side, side]])).repeat(1, 2)
    return angles.cos(), angles.sin()


def vision_tokens(tower: nn.Module, patches: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """The image tokens of a batch: (faces, patches, values) -> (faces, tokens, width).

    `tower` is the model's `visual`; a face frame is one attention window, and every block attends
    to all of it. `cosine` and `sine` come from `rotary`.
    """
    hidden = functional.linear(patches, tower.patch_embed.proj.weight.flatten(1))
    for block in tower.blocks:
        hidden = hidden + _attend(block.attn, block.norm1(hidden), cosine, sine)
        hidden = hidden + block.mlp(block.norm2(hidden))
    tokens = tower.merger(hidden.flatten(0, 1))
    return tokens.view(len(patches), -1, tokens.shape[-1])


def _attend(attention: nn.Module, hidden: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    faces, count, width = hidden.shape
    mixed = attention.qkv(hidden).view(faces, count, 3, attention.num_heads, -1)
    turned = _rotate(mixed[:, :, :2], cosine, sine)
    query, key, value = (
        part.transpose(1, 2) for part in (turned[:, :, 0], turned[:, :, 1], mixed[:, :, 2])
    )
    weights = (query * attention.scaling @ key.transpose(-1, -2)).softmax(dim=-1)
    seen = weights.to(value.dtype) @ value
    return attention.proj(seen.transpose(1, 2).reshape(faces, count, width))


def _rotate(vectors: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions on (faces, patches, 2, heads, head width)."""
    first, second = vectors.chunk(2, dim=-1)
    crossed = torch.cat([-second, first], dim=-1)
    cosine, sine = (angle.to(vectors.dtype)[:, None, None] for angle in (cosine, sine))
    return vectors * cosine + crossed * sine
