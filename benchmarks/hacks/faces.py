"""Faces as a simulated model answers them, and what can be known of them from the train rows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean
from typing import Final

from tag_plugin.data.rows import Row
from tag_plugin.facs.action_units import ACTION_UNITS, action_unit
from tag_plugin.facs.boxes import BOX_SCALE, Box
from tag_plugin.facs.detections import Detection
from tag_plugin.pipeline.rules import OBSERVATIONS
from tag_plugin.scoring.score import DEFAULT_JUDGE

ACCURACY: Final = 0.85
RECALL: Final = 0.80
PRECISION: Final = 0.79
BOX_NOISE: Final = 0.071
"""Of the box's side, for each edge; the mean IoU is 0.79 then."""


@dataclass(frozen=True)
class Step:
    """One line of the loop; each part is text, so that it can be wrong in any way."""

    au: int
    box: str
    region: str
    observation: str
    name: str

    def __str__(self) -> str:
        unit = f"AU{self.au} ({self.name})"
        return f"Inspect {self.region} → {unit}: {self.observation} → <bbox>{self.box}</bbox>"


def step(au: int, box: Box, random: Random) -> Step:
    """In the words of the `rules` writer."""
    unit = action_unit(au)
    return Step(au, box_text(box), unit.region, random.choice(OBSERVATIONS[au]), unit.name)


def box_text(box: Box) -> str:
    """As a model writes it, without the tags."""
    return f"[{','.join(map(str, box.as_tuple()))}]"


@dataclass(frozen=True)
class Reply:
    """A whole completion in its parts."""

    steps: tuple[Step, ...]
    answer: str
    analysis: str = "The face is seen from the front."

    def __str__(self) -> str:
        units = " + ".join(f"AU{au}" for au in dict.fromkeys(each.au for each in self.steps))
        subject = units or "The face as a whole"
        verb = "indicate" if "+" in units else "indicates"
        loop = [*map(str, self.steps)] or ["No activated action unit is visible."]
        return "\n".join(
            (
                f"Global analysis: {self.analysis}",
                "Verification loop:",
                *loop,
                f"Final conclusion: {subject} {verb} a dominant emotion of {self.answer}.",
                f"<answer>{self.answer}</answer>",
            )
        )

    def with_steps(self, steps: Iterable[Step]) -> "Reply":
        """With other steps."""
        return replace(self, steps=tuple(steps))

    def each(self, **parts: str) -> "Reply":
        """With the same part in every step."""
        return self.with_steps(replace(step, **parts) for step in self.steps)


@dataclass(frozen=True)
class Train:
    """What the train rows tell of any face: the untold baselines are made of it."""

    label: str
    frequent: tuple[int, ...]
    boxes: Mapping[int, Box]
    of_answer: Mapping[str, tuple[int, ...]]
    rows: Sequence[Row]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Train":
        """Counted over rows."""
        boxes, counts = defaultdict[int, list[Box]](list), Counter[int]()
        by_label: dict[str, Counter[int]] = defaultdict(Counter)
        labels = Counter(row.label for row in rows)
        for row in rows:
            for found in present(row):
                boxes[found.au].append(found.box)
                counts[found.au] += 1
                by_label[row.label][found.au] += 1
        mean = {au: _mean_box(of_au) for au, of_au in boxes.items()}
        own = {
            label: tuple(au for au, count in by_label[label].items() if 2 * count >= number)
            for label, number in labels.items()
        }
        frequent = tuple(au for au, _ in counts.most_common())
        return cls(labels.most_common(1)[0][0], frequent, mean, own, rows)

    def mean_boxes(self, units: Iterable[int], random: Random) -> tuple[Step, ...]:
        """Claims of these AUs where they usually are."""
        return tuple(step(au, self.boxes[au], random) for au in units if au in self.boxes)


@dataclass(frozen=True)
class Face:
    """A face, with the answer of a model that looks: RECALL, PRECISION, BOX_NOISE, ACCURACY."""

    row: Row
    honest: Reply
    absent: tuple[int, ...]
    unsupported: tuple[int, ...]
    random: Random

    @property
    def present(self) -> tuple[Detection, ...]:
        """The AUs to be found."""
        return present(self.row)

    @property
    def other_label(self) -> str:
        """A wrong one, always the same."""
        labels = self.row.reference.labels.labels
        return labels[(labels.index(self.honest.answer) + 1) % len(labels)]


def present(row: Row) -> tuple[Detection, ...]:
    """The AUs that the judge asks for."""
    if row.detections is None:
        return ()
    return row.detections.on(DEFAULT_JUDGE.thresholds, DEFAULT_JUDGE.top_k)


def faces(rows: Sequence[Row]) -> list[Face]:
    """Each row with detections as the model answers it; the same rows give the same answers."""
    rows = [row for row in rows if row.detections is not None]
    claims = fmean(len(present(row)) for row in rows) * RECALL * (1 - PRECISION) / PRECISION
    chance = claims / fmean(len(_absent(row)) for row in rows)
    return [_face(row, chance) for row in rows]


def _face(row: Row, chance: float) -> Face:
    random = Random(row.id)
    labels = row.reference.labels.labels
    wrong = [label for label in labels if label != row.label]
    answer = row.label if random.random() < ACCURACY else random.choice(wrong)
    seen = [(f.au, _moved(f.box, random)) for f in present(row) if random.random() < RECALL]
    absent = _absent(row)
    boxes = {found.au: found.box for found in row.detections.detections} if row.detections else {}
    seen += [
        (au, _moved(boxes.get(au, Box(300, 600, 700, 800)), random))
        for au in absent
        if random.random() < chance
    ]
    steps = tuple(step(au, box, random) for au, box in sorted(seen, key=lambda claim: claim[0]))
    supported = row.detections.supported if row.detections else frozenset[int]()
    unsupported = tuple(au for au in ACTION_UNITS if au not in supported)
    return Face(row, Reply(steps, answer), absent, unsupported, random)


def _absent(row: Row) -> tuple[int, ...]:
    if row.detections is None:
        return ()
    grey = DEFAULT_JUDGE.thresholds.grey
    maybe = {found.au for found in row.detections.detections if found.probability >= grey}
    return tuple(sorted(row.detections.supported - maybe))


def _moved(box: Box, random: Random) -> Box:
    """With noise on each edge."""
    width, height = box.x2 - box.x1, box.y2 - box.y1
    x1, x2 = (_edge(edge + random.gauss(0, BOX_NOISE) * width) for edge in (box.x1, box.x2))
    y1, y2 = (_edge(edge + random.gauss(0, BOX_NOISE) * height) for edge in (box.y1, box.y2))
    return Box(min(x1, x2 - 1), min(y1, y2 - 1), x2, y2)


def _edge(value: float) -> int:
    return min(max(round(value), 1), BOX_SCALE)


def _mean_box(boxes: Sequence[Box]) -> Box:
    return Box(*(round(fmean(edge)) for edge in zip(*(b.as_tuple() for b in boxes), strict=True)))
