"""Files of one JSON object a line that a killed and resumed run continues without a seam.

grpo_log.jsonl holds the numbers, rollouts.jsonl a sample of what the policy writes as it learns.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.text_file import TextFileError, json_lines
from tag_plugin.hosts.llamafactory.grpo.rewards import TAG_ROW, JudgedReward, WeightedRewards
from tag_plugin.hosts.llamafactory.log import logger
from tag_plugin.scoring.rewards import weighted_sum
from tag_plugin.scoring.score import ScoredCompletion

ROLLOUTS: Final = "rollouts.jsonl"
METRICS: Final = "grpo_log.jsonl"

_VERDICT: Final = TypeAdapter(ScoredCompletion)


@dataclass(frozen=True)
class StepFile:
    """Lines that carry a `step`, in order."""

    path: Path

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Adds lines, written out at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as out:
            out.writelines(_line(each) for each in records)

    def begin(self) -> None:
        """Forgets the lines of an earlier run."""
        self.path.unlink(missing_ok=True)

    def keep_until(self, step: int) -> int | None:
        """Forgets the lines after a step; returns the last step that is left.

        Half a last line, which a killed process was writing, goes as well; any other line that no
        run wrote is left out with a warning that names it.
        """
        if not self.path.is_file():
            return None
        last, problems = None, list[TextFileError]()
        with atomic_write(self.path) as partial, partial.open("w", encoding="utf-8") as out:
            for where, record in json_lines(self.path, problems.append):
                written = _step(record)
                if written is None:
                    problems.append(TextFileError(f"{where}: no object with a whole step >= 0"))
                elif written <= step:
                    out.write(_line(record))
                    last = written
        foreign = [each for each in problems if not each.unfinished]
        if foreign:
            logger.warning_rank0(f"{len(foreign)} lines left out, the first: {foreign[0]}")
        return last


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _step(record: Any) -> int | None:
    step = record.get("step") if isinstance(record, dict) else None
    return step if type(step) is int and step >= 0 else None


@dataclass
class RolloutRecord:
    """Appends the first `samples` completions of the main process every `every` steps.

    `judge` is the reward whose verdict is kept with a completion of a TAG row, None where the model
    has no box frame.
    """

    file: StepFile
    every: int
    samples: int
    rewards: WeightedRewards
    judge: JudgedReward | None
    last: int | None = None

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
        parts: Sequence[float],
        advantage: float,
    ) -> dict[str, Any]:
        """Which prompt and picture, the text, the parts of the score; a TAG row's `verdict`.

        Plain rows have none. Its boxes are in 0..1000 of the face frame, whatever the model's.
        """
        line: dict[str, Any] = {
            "prompt_id": sample["prompt"][:80],
            "dataset": None,
            "images": sample["images"],
            "solution": sample["solution"],
            "text": text,
            "rewards": {
                name: None if math.isnan(part) else part
                for name, part in zip(self.rewards.names, parts, strict=True)
            },
            "total": float(weighted_sum(parts, self.rewards.weights)),
            "advantage": advantage,
            "verdict": None,
        }
        if not sample[TAG_ROW] or self.judge is None:
            return line
        known = self.judge.known(sample[TAG_ROW], sample["images"])
        return line | {
            "prompt_id": known.row.id,
            "dataset": known.row.dataset,
            "verdict": _VERDICT.dump_python(self.judge.verdict(text, known), mode="json"),
        }
