"""FERPlus in its official layout: crowd votes over 48x48 faces.

    ROOT/FER2013Train/fer0000000.png ...   ROOT/FER2013Train/label.csv
    ROOT/FER2013Valid/...                  ROOT/FER2013Test/...

`label.csv` has no header; a line is `name,"(0, 0, 48, 48)",v1..v10`: the votes of ten people for
neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown and not-a-face.
Source: Barsoum et al., "Training deep networks for facial expression recognition with
crowd-sourced label distribution", ICMI 2016, and its reference trainer, which reads label.csv
(fer2013new.csv disagrees with it in 1,602 rows).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.file_names import find_inside
from tag_plugin.data.rows import Split
from tag_plugin.data.source import (
    LeftOut,
    Pictures,
    SourceError,
    SourceFace,
    by_label,
    compare_counts,
)
from tag_plugin.data.text_file import csv_rows
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.facs.votes import majority

EMOTION_COLUMNS = LABEL_SETS["ferplus"].labels
CHOICES: Final = (*EMOTION_COLUMNS, "unknown", "not a face")
"""What people could choose, in the order of the vote columns."""

FOLDERS: Final[Mapping[Split, str]] = {
    "train": "FER2013Train",
    "dev": "FER2013Valid",
    "test": "FER2013Test",
}
LABEL_FILE = "label.csv"
OFFICIAL_COUNTS: Final[Mapping[Split, Mapping[str, int]]] = {
    "train": by_label("ferplus", 8733, 7284, 3136, 3022, 2098, 116, 536, 120),
    "dev": by_label("ferplus", 1180, 862, 411, 348, 289, 25, 60, 16),
    "test": by_label("ferplus", 1083, 892, 394, 382, 269, 16, 86, 15),
}
"""Faces of each class by the majority rule in the published label files: 25,045, 3,191, 3,137."""
ACCESS = BENCHMARKS["ferplus"].access
_VOTES = len(CHOICES)
_COLUMNS = _VOTES + 2
_MANY = re.compile(r"[0-9]{1,3}")
"""A number of votes: there are ten people."""

NO_NAME, REPEATED, NO_MAJORITY, NO_EMOTION = (
    "no image name",
    "image named before",
    "no majority, unknown or not a face",
    "no vote for an emotion",
)


class VoteRule(StrEnum):
    """How votes become a label."""

    MAJORITY = "majority"
    ARGMAX = "argmax"


def label_of(votes: Sequence[int], rule: VoteRule) -> str | None:
    """The label that ten votes give, or None when they give none.

    `majority`, the official rule: single votes count as 0; the largest count must exceed half of
    what remains; unknown and not-a-face give no label. `argmax`, common in papers (FERBench's
    "FERPlus", on which UniFER and ActFER are measured, is labelled so): the largest of the eight
    emotions' counts, the first in column order on a tie.

    >>> label_of([4, 0, 0, 1, 3, 2, 0, 0, 0, 0], VoteRule.MAJORITY)  # 4 of the 9 that remain
    >>> label_of([4, 0, 0, 1, 3, 2, 0, 0, 0, 0], VoteRule.ARGMAX)
    'neutral'
    """
    if rule is VoteRule.MAJORITY:
        winner = majority(dict(zip(CHOICES, votes, strict=True)))
        return winner if winner in EMOTION_COLUMNS else None
    counts = list(votes[: len(EMOTION_COLUMNS)])
    return EMOTION_COLUMNS[counts.index(max(counts))] if max(counts) > 0 else None


@dataclass(frozen=True)
class FerPlus:
    """The reader of one FERPlus directory.

    Raises:
        SourceError: a folder or a label.csv is missing, or one is not what FERPlus publishes.
    """

    root: Path
    rule: VoteRule = VoteRule.MAJORITY
    dataset: str = "ferplus"
    label_set: str = "ferplus"
    pictures: Pictures = Pictures.FACES

    def __post_init__(self) -> None:
        for split in FOLDERS:
            if not self._label_file(split).is_file():
                raise SourceError(
                    f"no {self._label_file(split)}: FERPlus is expected in its official layout, "
                    f"{', '.join(FOLDERS.values())} with a {LABEL_FILE} and the images in each; "
                    f"next: run src/generate_training_data.py of the FERPlus repository. {ACCESS}"
                )

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The rule, the content of the label files, and how the counts compare."""
        contents = {split: self._label_file(split).read_bytes() for split in FOLDERS}
        return {
            "rule": self.rule.value,
            **{
                f"{FOLDERS[split]}/{LABEL_FILE}": hashlib.sha256(content).hexdigest()
                for split, content in contents.items()
            },
            **{
                f"counts of {split}": compare_counts(
                    f"{self.root} ({split})", self._counts(split), OFFICIAL_COUNTS[split], ACCESS
                )
                for split in FOLDERS
            },
        }

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """The lines of a split's label file as faces, in file order.

        Raises:
            SourceError: a line has other columns; the message names the file and the line.
        """
        named: set[str] = set()
        for where, line in csv_rows(self._label_file(split)):
            yield self._entry(split, line, where, named)

    def _entry(
        self, split: Split, line: list[str], where: str, named: set[str]
    ) -> SourceFace | LeftOut:
        name, votes = _parsed(line, where)
        if not name:
            return LeftOut(where.removeprefix(f"{self.root}/"), NO_NAME)
        if name in named:
            return LeftOut(name, REPEATED, where)
        named.add(name)
        label = label_of(votes, self.rule)
        if label is None:
            return LeftOut(name, NO_EMOTION if self.rule is VoteRule.ARGMAX else NO_MAJORITY)
        chosen = {choice: count for choice, count in zip(CHOICES, votes, strict=True) if count}
        return SourceFace(Path(name).stem, label, self.root / FOLDERS[split] / name, votes=chosen)

    def _counts(self, split: Split) -> Counter[str]:
        """Faces of each class by the official rule, whatever rule is asked for."""
        entries = FerPlus(self.root).entries(split)
        return Counter(each.label for each in entries if isinstance(each, SourceFace))

    def _label_file(self, split: Split) -> Path:
        return find_inside(self.root, FOLDERS[split], LABEL_FILE)


def holds_ferplus(root: Path) -> bool:
    """Whether a folder looks like FERPlus's."""
    return any(find_inside(root, folder, LABEL_FILE).is_file() for folder in FOLDERS.values())


def _parsed(line: list[str], where: str) -> tuple[str, list[int]]:
    votes = [column.strip() for column in line[-_VOTES:]]
    if len(line) != _COLUMNS or not all(_MANY.fullmatch(vote) for vote in votes):
        raise SourceError(
            f"{where}: expected {_COLUMNS} columns without a header, name, box and {_VOTES} votes "
            f"(neutral ... contempt, unknown, NF), got {len(line)}: {','.join(line)[:100]!r}. "
            f"fer2013new.csv is another file; next: use the {LABEL_FILE} of the FERPlus repository"
        )
    name = line[0].strip()
    if "/" in name or "\\" in name:
        raise SourceError(f"{where}: {name[:100]!r} is a path, not the name of an image")
    return name, [int(vote) for vote in votes]
