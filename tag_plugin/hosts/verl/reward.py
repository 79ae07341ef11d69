"""verl's reward function: `custom_reward_function.path=THIS_FILE`, `.name=compute_score`.

`custom_reward_function.reward_kwargs` may hold `weights` {reward: weight} and `judge` {setting:
value}.
"""

import math
from collections.abc import Mapping
from typing import Any

from tag_plugin.hosts.rl_rewards import judge_config, scores
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS, weighted_sum


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    judge: Mapping[str, Any] | None = None,
    **_: object,
) -> dict[str, float]:
    """`score`, which is trained on, and each reward.

    verl wants the same keys from every completion: a reward that does not apply is NaN.

    Raises:
        GroundTruthError: a ground truth that `tag-plugin export-rl verl` did not write.
    """
    values = scores(solution_str, ground_truth, weights, judge_config(judge))
    known = {name: math.nan if value is None else value for name, value in values.items()}
    return {"score": float(weighted_sum([*known.values()], [*weights.values()])), **known}
