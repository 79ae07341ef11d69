"""Does a batch teach anything? GRPO learns from differences inside a group alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.scoring.rewards import weighted_sum
from tag_plugin.scoring.statistics import Floats

NO_SPREAD: Final = "signal/no_spread"


@dataclass(frozen=True)
class GroupSignal:
    """Measures the rewards [prompts * group, functions] of one generation batch.

    `weights`, `names` belong to the functions; NaN means "does not apply". `epsilon`: a group
    whose largest and smallest reward differ by no more than this has no spread.
    """

    names: Sequence[str]
    weights: Sequence[float]
    group: int
    epsilon: float

    def measure(self, rewards: Floats, parsable: Floats | None) -> dict[str, float]:
        """Shares of groups without spread, in total and by reward, and why.

        `signal/all_right`: every part that applies is at its best; `signal/all_wrong`: every
        total is 0 or less; `signal/all_unparsable` (before the other two): no completion of the
        group has an answer; `signal/all_equal`: anything else.
        """
        parts = rewards.reshape(-1, self.group, len(self.names))
        flat = _spread(weighted_sum(parts, self.weights)) <= self.epsilon
        shares = {NO_SPREAD: float(flat.mean())}
        for index, name in enumerate(self.names):
            applies = ~np.isnan(parts[:, :, index]).any(axis=1)
            shares[f"rewards/{name}/applicable"] = float((~np.isnan(rewards[:, index])).mean())
            if applies.any():
                level = _spread(parts[applies, :, index]) <= self.epsilon
                shares[f"{NO_SPREAD}/{name}"] = float(level.mean())
        return shares | self._reasons(parts, flat, parsable)

    def _reasons(
        self, parts: Floats, flat: NDArray[np.bool_], parsable: Floats | None
    ) -> dict[str, float]:
        total = weighted_sum(parts, self.weights)
        weights = np.asarray(self.weights)
        best = np.where(np.isnan(parts), 0.0, np.maximum(weights, 0.0)).sum(axis=2)
        silent = np.zeros_like(flat)
        if parsable is not None:
            silent = (parsable.reshape(-1, self.group) == 0).all(axis=1)
        right = (total >= best - self.epsilon).all(axis=1) & (best > 0).any(axis=1)
        wrong = (total <= self.epsilon).all(axis=1)
        reasons = {"all_unparsable": silent, "all_right": right, "all_wrong": wrong}
        left, shares = flat.copy(), {}
        for name, holds in reasons.items():
            shares[f"signal/{name}"] = float((left & holds).mean())
            left &= ~holds
        return shares | {"signal/all_equal": float(left.mean())}


def _spread(values: Floats) -> Floats:
    """Largest minus smallest of each row [groups, group]."""
    spread: Floats = values.max(axis=1) - values.min(axis=1)
    return spread
