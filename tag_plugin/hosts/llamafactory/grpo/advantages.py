"""Advantages of several rewards: each normalised in its group first, then summed (GDPO).

Summing first lets the reward with the widest spread decide; a rare one is hardly heard. TRL has the
setting `multi_objective_aggregation` since 0.27; here it works with the TRL that the host allows.
"""

from typing import Final

import torch

SUM_FIRST, NORMALIZE_FIRST = "sum_then_normalize", "normalize_then_sum"
AGGREGATIONS: Final = (SUM_FIRST, NORMALIZE_FIRST)
_EPSILON: Final = 1e-4  # TRL's own


def normalized_sum(rewards: torch.Tensor, weights: torch.Tensor, group: int) -> torch.Tensor:
    """Advantages (prompts * group,) of rewards (prompts * group, functions), arXiv 2601.05242.

    NaN means "does not apply": it is left out of its group's mean and spread, and adds nothing.
    """
    grouped = rewards.view(-1, group, rewards.shape[1])
    centred = grouped - grouped.nanmean(dim=1, keepdim=True)
    known = (~grouped.isnan()).sum(dim=1, keepdim=True)
    variance = centred.square().nansum(dim=1, keepdim=True) / (known - 1).clamp(min=1)
    scaled = (centred / (variance.sqrt() + _EPSILON)).view_as(rewards)
    total = (scaled * weights).nansum(dim=1)
    return (total - total.mean()) / (total.std() + _EPSILON)
