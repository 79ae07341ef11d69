"""First stage of the base: the vision tower and the merger learn to see faces.

Every image token predicts, through one linear head, which AUs act and where each region's box
lies relative to the token itself. Relative targets suit a tower whose positions are relative, and
the mean over the tokens then holds the absolute boxes: what a language model can read off.

The host's own forward of the tower runs attention picture by picture, because its pictures differ
in size. Face frames are all alike, so one batched call gives the same numbers several times faster.
"""

from typing import Final

import torch
from rich.progress import Progress
from torch import Tensor, nn
from torch.nn import functional
from transformers import Qwen2_5_VLForConditionalGeneration

from tag_plugin.data.synthetic.face import SYNTH_AUS
from tag_plugin.facs.detections import Thresholds
from tag_plugin.tiny.faces import PRETRAINING_SEED, FaceBatch, face_batches, normalised
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
    weights = (query * attention.scaling @ key.transpose(-1, -2)).softmax(dim=-1)
    seen = weights.to(value.dtype) @ value
    return attention.proj(seen.transpose(1, 2).reshape(faces, count, width))


def _rotate(vectors: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions on (faces, patches, 2, heads, head width)."""
    first, second = vectors.chunk(2, dim=-1)
    cosine, sine = (angle.to(vectors.dtype)[:, None, None] for angle in (cosine, sine))
    return vectors * cosine + torch.cat([-second, first], dim=-1) * sine


_LIMITS: Final = Thresholds()
_BOX_WEIGHT: Final = 10.0
_BOX_BETA: Final = 0.02  # in frames: below 9 pixels the loss is quadratic
_WHITENED_BATCHES: Final = 16
_WHITENING_FLOOR: Final = 0.01  # variance below which a direction is not amplified further
_WHITENED_STD: Final = 0.7


class SightHead(nn.Module):  # type: ignore[misc]  # torch comes without types here
    """Image tokens (n, t, width) -> AU logits (n, t, aus) and boxes (n, t, aus, 4) in 0..1."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(SYNTH_AUS) * 5)
        nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)
        side = round(tokens**0.5)
        axis = (torch.arange(side) + 0.5) / side
        centres = torch.stack([axis.repeat(side), axis.repeat_interleave(side)], dim=1)
        self.register_buffer("centres", centres.repeat(1, 2)[:, None])

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and boxes; a token's boxes are offsets from its own centre."""
        out = self.head(self.norm(tokens.float()))
        out = out.view(*tokens.shape[:2], len(SYNTH_AUS), 5)
        return 4 * out[..., 0], out[..., 1:] + self.centres


def learn_to_see(
    model: Qwen2_5_VLForConditionalGeneration, stage: Stage, progress: Progress
) -> SightHead:
    """Train the model's vision tower and merger in place; the head is not part of the model."""
    tower = model.model.visual
    _whiten(tower, stage.batch)
    head = SightHead(model.config.text_config.hidden_size, tokens=64)
    learner = Learner(stage, matrices=[tower], others=[head])
    positions = rotary(tower, patches=256)
    task = progress.add_task("learning to see", total=stage.faces, note="")
    for batch in face_batches(PRETRAINING_SEED, stage.faces, stage.batch, workers=1):
        with torch.autocast("cpu", torch.bfloat16):
            seen = vision_tokens(tower, normalised(batch.patches), *positions)
        loss = learner.step(sight_loss(head, seen, batch))
        progress.update(task, advance=len(batch.patches), note=f"loss {loss:.4f}")
    return head


def sight_loss(head: SightHead, tokens: Tensor, batch: FaceBatch) -> Tensor:
    """Half from the tokens one by one, half from their mean, which must hold everything."""
    logits, boxes = head(tokens)
    together = _loss(logits.mean(1, keepdim=True), boxes.mean(1, keepdim=True), batch)
    return (_loss(logits, boxes, batch) + together) / 2


def _loss(logits: Tensor, boxes: Tensor, batch: FaceBatch) -> Tensor:
    """AUs (undecided ones left out) and all boxes; logits (n, t, aus), boxes (n, t, aus, 4)."""
    on = batch.probabilities >= _LIMITS.on
    decided = (on | (batch.probabilities < _LIMITS.grey)).float()[:, None]
    present = on.float()[:, None].expand_as(logits)
    wrong = functional.binary_cross_entropy_with_logits(logits, present, reduction="none")
    away = functional.smooth_l1_loss(boxes, batch.boxes[:, None].expand_as(boxes), beta=_BOX_BETA)
    return (wrong * decided).mean() + _BOX_WEIGHT * away


def _whiten(tower: nn.Module, batch: int) -> None:
    """Start the patch embedding from the patches' principal directions, evenly scaled.

    Random filters see little but the mean colour of a large patch; this saves most of the start.
    """
    embedding = tower.patch_embed.proj.weight
    faces = face_batches(PRETRAINING_SEED + 1, _WHITENED_BATCHES * batch, batch, workers=0)
    some = torch.cat([normalised(faces.patches[:, ::5].flatten(0, 1)) for faces in faces])
    variances, directions = torch.linalg.eigh(torch.cov(some.T))
    strongest = slice(-embedding.shape[0], None)
    scale = (variances[strongest] + _WHITENING_FLOOR).rsqrt() * _WHITENED_STD
    embedding.data.copy_((directions[:, strongest] * scale).T.view_as(embedding))
