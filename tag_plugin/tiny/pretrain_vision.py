"""First stage of the base: the vision tower and the merger learn to see faces.

Every image token predicts, through one linear head, where points of the face lie relative to the
token itself, and how the face is shaped once its pose is taken away. Relative targets suit a tower
whose positions are relative, and the mean over the tokens then holds the absolute places: what a
language model can read off. Which Action Units act is no target, nor is any emotion.

The host's own forward of the tower runs attention picture by picture, because its pictures differ
in size. Face frames are all alike, so one batched call gives the same numbers several times faster.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final

import torch
from rich.progress import Progress
from torch import Tensor, nn
from torch.nn import functional
from transformers import Qwen2_5_VLForConditionalGeneration

from tag_plugin.tiny.bf16 import cpu_has_bf16
from tag_plugin.tiny.faces import (
    SHAPES,
    Components,
    FaceBatch,
    Faces,
    face_batches,
    normalised,
)
from tag_plugin.tiny.optimizer import Learner, Stage


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
    query = query.to(value.dtype)
    seen = functional.scaled_dot_product_attention(
        query, key.to(value.dtype), value, scale=attention.scaling
    )
    return attention.proj(seen.transpose(1, 2).reshape(faces, count, width))


def _rotate(vectors: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions on (faces, patches, 2, heads, head width)."""
    first, second = vectors.chunk(2, dim=-1)
    cosine, sine = (angle.to(vectors.dtype)[:, None, None] for angle in (cosine, sine))
    return vectors * cosine + torch.cat([-second, first], dim=-1) * sine


_POINTS_WEIGHT: Final = 10.0
_POINTS_BETA: Final = 0.02  # in frames: below 9 pixels the loss is quadratic
_SHAPE_WEIGHT: Final = 0.5
_WHITENED_BATCHES: Final = 16
_WHITENING_FLOOR: Final = 0.01  # variance below which a direction is not amplified further
_WHITENED_STD: Final = 0.7


class SightHead(nn.Module):  # type: ignore[misc]  # torch comes without types here
    """Image tokens (n, t, width) -> points (n, t, points, 2) in 0..1 and shape (n, t, SHAPES)."""

    def __init__(self, width: int, tokens: int, points: int) -> None:
        super().__init__()
        self.points = points
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2 * points + SHAPES)
        nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)
        side = round(tokens**0.5)
        axis = (torch.arange(side) + 0.5) / side
        centres = torch.stack([axis.repeat(side), axis.repeat_interleave(side)], dim=1)
        self.register_buffer("centres", centres[:, None])

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Points and shape; a token's points are offsets from its own centre."""
        out = self.head(self.norm(tokens.float()))
        points, shape = out.split([2 * self.points, SHAPES], dim=-1)
        return points.view(*tokens.shape[:2], self.points, 2) + self.centres, 4 * shape


def learn_to_see(
    model: Qwen2_5_VLForConditionalGeneration,
    faces: Faces,
    components: Components,
    stage: Stage,
    progress: Progress,
) -> SightHead:
    """Train the model's vision tower and merger in place; the head is not part of the model."""
    tower = model.model.visual
    views = partial(face_batches, faces, components, size=stage.batch)
    _whiten(tower, views(count=_WHITENED_BATCHES * stage.batch, workers=0))
    head = SightHead(model.config.text_config.hidden_size, tokens=64, points=faces.points)
    learner = Learner(stage, matrices=[tower], others=[head])
    positions = rotary(tower, patches=256)
    task = progress.add_task("learning to see", total=stage.faces, note="")
    for batch in views(count=stage.faces, workers=1):
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
            seen = vision_tokens(tower, normalised(batch.patches), *positions)
        loss = learner.step(sight_loss(head, seen, batch))
        progress.update(task, advance=len(batch.patches), note=f"loss {loss:.4f}")
    return head


def sight_loss(head: SightHead, tokens: Tensor, batch: FaceBatch) -> Tensor:
    """Half from the tokens one by one, half from their mean, which must hold everything."""
    points, shape = head(tokens)
    together = _loss(points.mean(1, keepdim=True), shape.mean(1, keepdim=True), batch)
    return (_loss(points, shape, batch) + together) / 2


def _loss(points: Tensor, shape: Tensor, batch: FaceBatch) -> Tensor:
    """Points (n, t, p, 2) and shape (n, t, SHAPES) of each token or of their mean."""
    places, form = batch.points[:, None].expand_as(points), batch.shape[:, None].expand_as(shape)
    away = functional.smooth_l1_loss(points, places, beta=_POINTS_BETA)
    return _POINTS_WEIGHT * away + _SHAPE_WEIGHT * functional.mse_loss(shape, form)


def _whiten(tower: nn.Module, batches: Iterable[FaceBatch]) -> None:
    """Start the patch embedding from the patches' principal directions, evenly scaled.

    Random filters see little but the mean colour of a large patch; this saves most of the start.
    """
    embedding = tower.patch_embed.proj.weight
    some = torch.cat([normalised(batch.patches[:, ::5].flatten(0, 1)) for batch in batches])
    variances, directions = torch.linalg.eigh(torch.cov(some.T))
    strongest = slice(-embedding.shape[0], None)
    scale = (variances[strongest] + _WHITENING_FLOOR).rsqrt() * _WHITENED_STD
    embedding.data.copy_((directions[:, strongest] * scale).T.view_as(embedding))
