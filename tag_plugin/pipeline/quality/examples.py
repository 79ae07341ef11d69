"""Which frames to look at after a quality check: dropped by reason, and kept near a limit.

Constant memory: a few of each, chosen while the rows stream by.
"""

import re
from bisect import insort
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Final
from zlib import crc32

from tag_plugin.data.rows import read_rows
from tag_plugin.pipeline.inputs import CHECKED, prepared_files
from tag_plugin.pipeline.quality.check import CUT
from tag_plugin.pipeline.quality.limits import Limits, margin
from tag_plugin.pipeline.stage import dropped_inputs

EACH: Final = 16
"""So many frames of every group."""
_LONGEST_DETAIL: Final = 60
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


_Ranked = list[tuple[float, Example]]
"""Examples with their distances, the smallest first; of equals the one that was seen first."""


def examples(directory: Path, limits: Limits) -> list[Group]:
    """The groups of a checked dataset: every reason, half of it near the limit, half at random."""
    near: _Ranked = []
    counts: Counter[str] = Counter()
    by_reason: dict[str, tuple[_Ranked, _Ranked]] = {}
    for split in (split for split in CUT if (directory / CHECKED / f"{split}.jsonl").is_file()):
        for drop in dropped_inputs(directory, CHECKED, split):
            counts[drop.reason] += 1
            nearest, random = by_reason.setdefault(drop.reason, ([], []))
            distance, caption = _short(drop.detail)
            example = Example(directory / "images" / split / f"{drop.id}.jpg", caption)
            _offer(nearest, distance, example)
            _offer(random, crc32(drop.id.encode()), example)
        for row in read_rows(directory / CHECKED / f"{split}.jsonl"):
            distance, name = margin(row.quality, limits)
            if name:
                measure = name.rpartition("_")[0]
                caption = f"{row.label}\n{measure} {row.quality[measure]:g}"
                _offer(near, distance, Example(directory / row.image, caption))
    dropped = {reason: _both(*by_reason[reason]) for reason in by_reason}
    labels = _labels(directory, {each.image for group in dropped.values() for each in group})
    return [
        *(
            Group(
                f"dropped: {reason} ({count})",
                [
                    Example(each.image, f"{labels.get(each.image, '?')}\n{each.caption}")
                    for each in dropped[reason]
                ],
            )
            for reason, count in counts.most_common()
        ),
        Group("kept, nearest to a limit", [example for _, example in near]),
    ]


def _labels(directory: Path, images: Container[Path]) -> dict[Path, str]:
    """The labels of some face frames; bad lines were named when the stage read them."""
    rows = (
        row
        for path in prepared_files(directory).values()
        for row in read_rows(path, bad=lambda _: None)
    )
    return {directory / row.image: row.label for row in rows if directory / row.image in images}


def _offer(ranked: _Ranked, distance: float, example: Example) -> None:
    """Keep the 2 * EACH with the smallest distances."""
    insort(ranked, (distance, example), key=itemgetter(0))
    del ranked[2 * EACH :]


def _both(nearest: _Ranked, random: _Ranked) -> list[Example]:
    """Half near the limit, then others at random, none twice."""
    first = [example for _, example in nearest[: EACH // 2]]
    return (first + [each for _, each in random if each not in first])[:EACH]


def _short(detail: str) -> tuple[float, str]:
    """How far from its limit a measure is, as a share of the limit; and the measure alone."""
    match = _VALUE.match(detail)
    if match is None:
        return 0.0, detail[:_LONGEST_DETAIL]
    value, limit = float(match[2]), float(match[3])
    return abs(abs(value) - limit) / (limit or 1), f"{match[1]} {match[2]}"
