"""One stage of the base's pretraining: its length, its optimizers, its rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Final

import torch
from torch import Tensor, nn

_LAST_RATE: Final = 0.02  # of the peak, at the end
_LARGEST_NORM: Final = 1.0
_MEMORY: Final = 0.98  # of the running loss


@dataclass(frozen=True, slots=True)
class Stage:
    """How many faces one stage looks at, in which batches, and how fast it learns."""

    faces: int
    batch: int
    learning_rate: float
    warmup: int

    @property
    def steps(self) -> int:
        """Updates of the weights."""
        return -(-self.faces // self.batch)


class Learner:
    """Muon for weight matrices, AdamW for everything else; a cosine with warm-up for both.

    `matrices` are modules of which Muon takes the two-dimensional weights, except embeddings;
    `others` are left to AdamW as a whole.
    """

    def __init__(
        self, stage: Stage, matrices: Sequence[nn.Module], others: Sequence[nn.Module]
    ) -> None:
        self.stage = stage
        self.done = 0
        self.loss = 0.0
        weights = dict.fromkeys(w for module in matrices for w in _matrices(module))
        everything = dict.fromkeys(p for m in (*matrices, *others) for p in m.parameters())
        rest = [parameter for parameter in everything if parameter not in weights]
        self._parameters = [*weights, *rest]
        rate = stage.learning_rate
        self._optimizers = (
            torch.optim.Muon(
                list(weights), rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
            ),
            torch.optim.AdamW(rest, rate, betas=(0.9, 0.98), weight_decay=0.01),
        )

    def step(self, loss: Tensor) -> float:
        """One update from this loss; returns the running mean of the losses."""
        for optimizer in self._optimizers:
            optimizer.zero_grad()
            for group in optimizer.param_groups:
                group["lr"] = self.rate
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, _LARGEST_NORM)
        for optimizer in self._optimizers:
            optimizer.step()
        self.done += 1
        self.loss = _MEMORY * self.loss + (1 - _MEMORY) * float(loss.detach())
        return self.loss / (1 - _MEMORY**self.done)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        warm = min(1.0, (self.done + 1) / self.stage.warmup)
        fall = 0.5 * (1 + cos(pi * min(self.done / self.stage.steps, 1.0)))
        return self.stage.learning_rate * warm * (_LAST_RATE + (1 - _LAST_RATE) * fall)


def _matrices(module: nn.Module) -> list[nn.Parameter]:
    embedded = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    return [p for p in module.parameters() if p.dim() == 2 and id(p) not in embedded]
