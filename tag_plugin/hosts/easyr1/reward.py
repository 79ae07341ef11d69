"""EasyR1's reward function: `worker.reward.reward_function=THIS_FILE:compute_score`.

`worker.reward.reward_function_kwargs` may hold `weights` {reward: weight} and `judge` {setting:
value}. A reward that does not apply to a completion is left out of its scores.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tag_plugin.hosts.rl_rewards import judge_config, scores
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS, weighted_sum

REWARD_NAME = "tag"
REWARD_TYPE = "batch"


def compute_score(
    reward_inputs: Sequence[Mapping[str, Any]],
    weights: Mapping[str, float] = DEFAULT_WEIGHTS,
    judge: Mapping[str, Any] | None = None,
) -> list[dict[str, float]]:
    """`overall`, which is trained on, and each reward, for every {response, ground_truth}.

    Raises:
        GroundTruthError: a ground truth that `tag-plugin export-rl easyr1` did not write.
    """
    config = judge_config(judge)
    found = []
    for each in reward_inputs:
        values = scores(each["response"], each["ground_truth"], weights, config)
        known = {name: value for name, value in values.items() if value is not None}
        overall = weighted_sum([*values.values()], [*weights.values()])
        found.append({"overall": float(overall), **known})
    return found
