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
_MOMENTUM: Final = 0.95


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


class Muon(torch.optim.Optimizer):  # type: ignore[misc]  # torch comes without types here
    """Orthogonal momentum for matrices (Keller Jordan 2024), at AdamW's step size.

    torch.optim.Muon with `match_rms_adamw`, except that it computes in the weights' own numbers:
    torch's casts to bfloat16, which a CPU without it emulates at a twentieth of the speed.
    """

    def __init__(self, weights: Sequence[Tensor], rate: float, weight_decay: float) -> None:
        super().__init__(weights, {"lr": rate, "weight_decay": weight_decay})

    @torch.no_grad()  # type: ignore[untyped-decorator]  # as above
    def step(self) -> None:
        """One update of every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - _MOMENTUM)
                towards = orthogonal(weight.grad.lerp(momentum, _MOMENTUM))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(towards, alpha=-group["lr"] * 0.2 * max(weight.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with all its singular values near 1, by five Newton-Schulz steps (n, m)."""
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = wide @ wide.T
        wide = 3.4445 * wide + (-4.775 * gram + 2.0315 * gram @ gram) @ wide
    return wide if len(matrix) <= matrix.shape[1] else wide.T


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
            Muon(list(weights), rate, weight_decay=0.01),
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
