"""A sample of what the policy writes while it learns: rollouts.jsonl."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tag_plugin.data.rows import Row, parse_row
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.dataset import TAG_ROW
from tag_plugin.hosts.llamafactory.grpo.online import OnlineDetector
from tag_plugin.hosts.llamafactory.grpo.records import StepFile
from tag_plugin.trace.parse import parse


@dataclass
class RolloutRecord:
    """Appends the first `samples` completions of the main process every `every` steps.

    `detector` is the run's online detector: what it saw becomes part of the record. `weights`
    are the rewards', by name.
    """

    file: StepFile
    every: int
    samples: int
    frame: BoxFrame | None
    detector: OnlineDetector | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
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
        """Which prompt and picture, the text, the parts of the score; for a TAG row what was read.

        `boxes` are the completion's, `reference` the detector's AUs (null: none was asked, or no
        face): [x1, y1, x2, y2] in 0..1000 of the face frame, whatever the model's frame.
        """
        known = {
            "prompt_id": sample["prompt"][:80],
            "dataset": None,
            "images": sample["images"],
            "solution": sample["solution"],
            "text": text,
            "rewards": {name: None if math.isnan(each) else each for name, each in parts.items()},
            "total": sum(
                self.weights.get(name, 1.0) * each
                for name, each in parts.items()
                if not math.isnan(each)
            ),
            "advantage": advantage,
        }
        if not sample[TAG_ROW] or self.frame is None:
            return known
        row = self._row(sample)
        read = parse(text, self.frame, row.reference.labels)
        boxes = [{"au": each.au, "box": each.box.as_tuple()} for each in read.claims if each.box]
        return known | {
            "prompt_id": row.id,
            "dataset": row.dataset,
            "answer": read.answer,
            "defects": list(read.defects),
            "boxes": boxes,
            "reference": row.detections.model_dump(mode="json") if row.detections else None,
        }

    def _row(self, sample: Mapping[str, Any]) -> Row:
        line: str = sample[TAG_ROW]
        if self.detector is not None:
            line = self.detector.complete(line, sample["images"][0])
        return parse_row(line, TAG_ROW)
