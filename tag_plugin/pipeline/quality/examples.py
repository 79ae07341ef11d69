"""Which frames to look at after a quality check: dropped by reason, and kept near a limit.

Constant memory: a few of each, chosen while the rows stream by.
"""

import heapq
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from tag_plugin.data.rows import Split, read_rows
from tag_plugin.pipeline.quality.check import CUT, OUTPUT
from tag_plugin.pipeline.quality.limits import Limits, margin
from tag_plugin.pipeline.stage import dropped_file

EACH: Final = 16
"""So many frames of every group."""
_VALUE: Final = re.compile(r"^(\w+) (-?[\d.e+-]+), limit (-?[\d.e+-]+)$")


@dataclass(frozen=True, slots=True)
class Example:
    """One frame, and what is written below it."""

    image: Path
    caption: str


@dataclass(frozen=True, slots=True)
class Group:
    """Frames that belong together, under a title."""

    title: str
    examples: Sequence[Example]


def examples(directory: Path, limits: Limits) -> list[Group]:
    """The groups of a checked dataset: every reason, half of it near the limit, half at random."""
    near = _Nearest()
    counts: dict[str, int] = {}
    by_reason: dict[str, tuple[_Nearest, _Nearest]] = {}
    for split in (split for split in CUT if (directory / OUTPUT / f"{split}.jsonl").is_file()):
        for found in _dropped(directory, split):
            reason = found["reason"]
            counts[reason] = counts.get(reason, 0) + 1
            nearest, random = by_reason.setdefault(reason, (_Nearest(), _Nearest()))
            example = Example(directory / "images" / split / f"{found['id']}.jpg", _short(found))
            nearest.offer(_distance(found["detail"]), example)
            random.offer(crc32(found["id"].encode()) / 2**32, example)
        for row in read_rows(directory / OUTPUT / f"{split}.jsonl"):
            distance, name = margin(row.quality, limits)
            measure = name.rpartition("_")[0]
            if name:
                caption = f"{measure} {row.quality[measure]:g}"
                near.offer(distance, Example(directory / row.image, caption))
    groups = [
        Group(f"dropped: {reason} ({counts[reason]})", _both(*by_reason[reason]))
        for reason in sorted(counts, key=lambda reason: -counts[reason])
    ]
    return [*groups, Group("kept, nearest to a limit", near.sorted()[: 2 * EACH])]


@dataclass
class _Nearest:
    """The examples with the smallest distances, 2 * EACH of them."""

    heap: list[tuple[float, int, Example]] = field(default_factory=list)
    offered: int = 0

    def offer(self, distance: float, example: Example) -> None:
        self.offered += 1
        heapq.heappush(self.heap, (-distance, -self.offered, example))
        if len(self.heap) > 2 * EACH:
            heapq.heappop(self.heap)

    def sorted(self) -> list[Example]:
        ordered = sorted(self.heap, key=lambda each: (-each[0], -each[1]))
        return [example for _, _, example in ordered]


def _both(nearest: _Nearest, random: _Nearest) -> list[Example]:
    """Half near the limit, then others at random, none twice."""
    first = nearest.sorted()[: EACH // 2]
    return (first + [each for each in random.sorted() if each not in first])[:EACH]


def _dropped(directory: Path, split: Split) -> Iterator[Mapping[str, Any]]:
    path = dropped_file(directory, OUTPUT, split)
    if path.is_file():
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines)


def _distance(detail: str) -> float:
    found = _VALUE.match(detail)
    return abs(abs(float(found[2])) - float(found[3])) / (float(found[3]) or 1) if found else 0.0


def _short(found: Mapping[str, Any]) -> str:
    value = _VALUE.match(found["detail"])
    return f"{value[1]} {value[2]}" if value else str(found["detail"])[:24]
