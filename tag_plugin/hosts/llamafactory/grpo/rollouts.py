"""A sample of what the policy writes while it learns: rollouts.jsonl."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from tag_plugin.data.rows import parse_row
from tag_plugin.hosts.llamafactory.grpo.dataset import TAG_ROW
from tag_plugin.hosts.llamafactory.grpo.rewards import JudgedReward
from tag_plugin.hosts.llamafactory.grpo.step_file import StepFile
from tag_plugin.hosts.rl_rewards import judged
from tag_plugin.scoring.rewards import weighted_sum
from tag_plugin.scoring.score import ScoredCompletion

_VERDICT: Final = TypeAdapter(ScoredCompletion)


@dataclass
class RolloutRecord:
    """Appends the first `samples` completions of the main process every `every` steps.

    `weights` are the rewards', in their order; `judge` is the reward whose verdict is kept with a
    completion of a TAG row, None where the model has no box frame.
    """

    file: StepFile
    every: int
    samples: int
    weights: Sequence[float]
    judge: JudgedReward | None
    last: int | None = None

    def begin(self) -> None:
        """A new run: nothing of an earlier one stays."""
        self.file.begin()

    def resume(self, step: int) -> None:
        """Continues after a step; whatever was written beyond it will be written again."""
        self.last = self.file.keep_until(step)

    def due(self, step: int) -> bool:
        """Whether this step's completions are to be kept."""
        return self.every > 0 and (self.last is None or step - self.last >= self.every)

    def write(self, step: int, samples: Sequence[Mapping[str, Any]]) -> None:
        """Keeps the completions of a step; see `line` for what each holds."""
        self.file.append({"step": step, **each} for each in samples[: self.samples])
        self.last = step

    def line(
        self,
        sample: Mapping[str, Any],
        text: str,
        parts: Mapping[str, float],
        advantage: float,
    ) -> dict[str, Any]:
        """Which prompt and picture, the text, the parts of the score; a TAG row's `verdict`.

        Plain rows have none. Its boxes are in 0..1000 of the face frame, whatever the model's.
        """
        known: dict[str, Any] = {
            "prompt_id": sample["prompt"][:80],
            "dataset": None,
            "images": sample["images"],
            "solution": sample["solution"],
            "text": text,
            "rewards": {name: None if math.isnan(each) else each for name, each in parts.items()},
            "total": float(weighted_sum([*parts.values()], self.weights)),
            "advantage": advantage,
            "verdict": None,
        }
        if not sample[TAG_ROW] or self.judge is None:
            return known
        line = self.judge.completed(sample[TAG_ROW], sample["images"])
        row = parse_row(line, TAG_ROW)
        verdict = judged(text, line, self.judge.frame, self.judge.config)
        return known | {
            "prompt_id": row.id,
            "dataset": row.dataset,
            "verdict": _VERDICT.dump_python(verdict, mode="json"),
        }
