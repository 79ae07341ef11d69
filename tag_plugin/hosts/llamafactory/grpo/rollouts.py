"""A sample of what the policy writes while it learns: rollouts.jsonl."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tag_plugin.data.rows import parse_row
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.dataset import TAG_ROW
from tag_plugin.hosts.llamafactory.grpo.records import StepFile
from tag_plugin.trace.parse import parse


@dataclass
class RolloutRecord:
    """Appends the first `samples` completions of the main process every `every` steps."""

    file: StepFile
    every: int
    samples: int
    frame: BoxFrame | None
    last: int | None = None

    def resume(self, step: int) -> None:
        """Continues after a step; whatever was written beyond it will be written again."""
        self.last = self.file.keep_until(step)

    def due(self, step: int) -> bool:
        """Whether this step's completions are to be kept."""
        return self.every > 0 and (self.last is None or step - self.last >= self.every)

    def write(self, step: int, samples: Sequence[Mapping[str, Any]]) -> None:
        """Keeps the completions of a step; see `rollout` for what a line holds."""
        self.file.append({"step": step, **each} for each in samples[: self.samples])
        self.last = step


def rollout(
    sample: Mapping[str, Any],
    text: str,
    parts: Mapping[str, float],
    advantage: float,
    frame: BoxFrame | None,
) -> dict[str, Any]:
    """One line: which prompt and picture, the text, the parts of the score, the boxes.

    `boxes` are [x1, y1, x2, y2] in 0..1000 of the face frame, whatever the model's frame.
    """
    known = {
        "prompt_id": sample["prompt"][:80],
        "dataset": None,
        "images": sample["images"],
        "solution": sample["solution"],
        "text": text,
        "rewards": {name: None if math.isnan(value) else value for name, value in parts.items()},
        "advantage": advantage,
    }
    if not sample[TAG_ROW] or frame is None:
        return known
    row = parse_row(sample[TAG_ROW], TAG_ROW)
    read = parse(text, frame, row.reference.labels)
    boxes = [{"au": claim.au, "box": claim.box.as_tuple()} for claim in read.claims if claim.box]
    found = {"answer": read.answer, "defects": list(read.defects), "boxes": boxes}
    return known | {"prompt_id": row.id, "dataset": row.dataset} | found
