"""What the gallery shows: faces, and what each run said about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BoxValues = tuple[int, int, int, int]
"""x1, y1, x2, y2 in 0..1000 of the face frame."""


@dataclass(frozen=True, slots=True)
class Place:
    """One AU to be found, and where."""

    au: int
    box: BoxValues


@dataclass(frozen=True, slots=True)
class Said:
    """One claim of a completion. `iou` is that with the detection it was paired with."""

    au: int | None
    box: BoxValues | None
    iou: float | None = None
    problem: str = ""
    region: str = ""
    observation: str = ""


@dataclass(frozen=True, slots=True)
class Face:
    """One picture and what is known about it. `reference` is None without detections."""

    id: str
    image: Path
    gold: str
    reference: tuple[Place, ...] | None
    task: str = ""
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one run said about a face, and the judge's verdict.

    `parts` are shown as they are (None: does not apply); `score` is what the gallery sorts by;
    `groups` are keys of the gallery's groups.
    """

    prediction: str | None
    completion: str
    claims: tuple[Said, ...] = ()
    defects: tuple[str, ...] = ()
    parts: Mapping[str, float | None] = field(default_factory=dict)
    score: float | None = None
    groups: frozenset[str] = frozenset()


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
        golds = {face.gold for face in self.faces}
        said = {a.prediction for answers in self.runs.values() for a in answers if a is not None}
        return sorted(golds | {label for label in said if label is not None})
