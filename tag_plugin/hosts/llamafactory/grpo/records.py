"""Files of one JSON object a line that a killed and resumed run continues without a seam."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.atomic_write import atomic_write

ROLLOUTS: Final = "rollouts.jsonl"
METRICS: Final = "grpo_log.jsonl"


@dataclass(frozen=True)
class StepFile:
    """Lines that carry a `step`, in order."""

    path: Path

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Adds lines, written out at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as out:
            out.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in records)

    def keep_until(self, step: int) -> int | None:
        """Forgets the lines after a step, and half a line; returns the last step that is left."""
        if not self.path.is_file():
            return None
        lines = self.path.read_text(encoding="utf-8").split("\n")
        kept = [line for line in lines if (found := _step(line)) is not None and found <= step]
        with atomic_write(self.path) as partial:
            partial.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        return _step(kept[-1]) if kept else None


def _step(line: str) -> int | None:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return None
