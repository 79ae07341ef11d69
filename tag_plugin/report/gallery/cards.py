"""What the gallery shows: faces, and what each run said about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tag_plugin.scoring.matching import Target
from tag_plugin.scoring.score import ScoredCompletion
from tag_plugin.trace.claims import Claim


@dataclass(frozen=True, slots=True)
class Face:
    """One picture and what is known about it. `reference` is None without detections."""

    id: str
    image: Path
    gold: str
    reference: tuple[Target, ...] | None
    task: str = ""
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one run said about a face, and the judge's verdict; None for a text that is no trace.

    `parts` are shown as they are (None: does not apply); `score` is what the gallery sorts by;
    `groups` are keys of the gallery's groups.
    """

    text: str
    verdict: ScoredCompletion | None
    parts: Mapping[str, float | None] = field(default_factory=dict)
    score: float | None = None
    groups: frozenset[str] = frozenset()

    @property
    def prediction(self) -> str | None:
        """The answer's label, None: unparsable; "" where nothing was judged."""
        return "" if self.verdict is None else self.verdict.parsed.answer

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What the judge read, in the order of the text."""
        return () if self.verdict is None else self.verdict.parsed.claims


@dataclass(frozen=True, slots=True)
class Group:
    """A named kind of answers that a reader may want to look at.

    `order`: how they are sorted when the group is chosen: "low" or "high" scores first, or "file";
    "" leaves the order as it is.
    """

    key: str
    title: str
    meaning: str
    order: str = ""


def held(holds: Mapping[str, bool]) -> frozenset[str]:
    """The keys of the groups to which an answer belongs."""
    return frozenset(key for key, belongs in holds.items() if belongs)


@dataclass(frozen=True, slots=True)
class Gallery:
    """Faces with one column of answers a run (None: this run has no answer for that face).

    `start`: the key of the group that is shown first; "" for all.
    """

    faces: Sequence[Face]
    runs: Mapping[str, Sequence[Answer | None]]
    groups: Sequence[Group]
    score_name: str
    start: str = ""

    def __post_init__(self) -> None:
        for name, answers in self.runs.items():
            if len(answers) != len(self.faces):
                raise ValueError(f"run {name!r}: {len(answers)} answers, {len(self.faces)} faces")

    @property
    def labels(self) -> list[str]:
        """Every label that occurs, as gold or as an answer."""
        answers = (answer for column in self.runs.values() for answer in column if answer)
        labels = {*(face.gold for face in self.faces), *(answer.prediction for answer in answers)}
        return sorted(label for label in labels if label is not None)
