"""ms-swift's external plugin: `--external_plugins THIS_FILE --reward_funcs tag_answer ...`.

Each reward is a class of its own, because ms-swift logs a reward by the name of its class.
"""

from collections.abc import Sequence

from tag_plugin.hosts.rl_rewards import scores
from tag_plugin.scoring.rewards import REWARDS

try:
    from swift.rewards import ORM, orms
except ModuleNotFoundError:  # ms-swift 3
    from swift.plugin import ORM, orms


class TagReward(ORM):  # type: ignore[misc]  # ms-swift is not installed where types are checked
    """One reward by name."""

    name: str

    def __call__(
        self, completions: Sequence[str], solution: Sequence[str], **_: object
    ) -> list[float | None]:
        """A value in [0, 1] for each completion, or None: not applicable.

        Raises:
            GroundTruthError: a solution that `tag-plugin export-rl swift` did not write.
        """
        return [
            scores(text, ground_truth, {self.name: 1.0})[self.name]
            for text, ground_truth in zip(completions, solution, strict=True)
        ]


CLASSES = {
    f"tag_{name}": type(f"Tag{name.title().replace('_', '')}", (TagReward,), {"name": name})
    for name in REWARDS
}
orms.update(CLASSES)
globals().update({each.__name__: each for each in CLASSES.values()})  # where pickle looks for them
