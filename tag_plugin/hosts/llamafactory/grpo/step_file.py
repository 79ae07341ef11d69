"""Files of one JSON object a line that a killed and resumed run continues without a seam."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from llamafactory.extras.logging import get_logger

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.text_file import TextFileError, json_lines

ROLLOUTS: Final = "rollouts.jsonl"
METRICS: Final = "grpo_log.jsonl"

logger = get_logger("llamafactory.tag_plugin")  # a child of the host's logger


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
