"""Scripted models on faces that are drawn again: one looks, one explains what it has answered."""

from collections.abc import Callable, Iterable
from random import Random

from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.data.synthetic.face import SYNTH_AUS
from tag_plugin.data.synthetic.face_id import FaceId
from tag_plugin.data.synthetic.prepare import REDRAWN
from tag_plugin.data.synthetic.redrawn import drawn_face, redrawn_ids
from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.sampling import split_seed
from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Thresholds
from tag_plugin.facs.emotions import label_set
from tag_plugin.facs.prototypes import OWN_WEIGHT, PROTOTYPES, prototype_similarity
from tag_plugin.pipeline.rules import OBSERVATIONS
from tag_plugin.trace.grammar import Inspection, Trace
from tag_plugin.trace.render import render

LABELS = label_set("synth").labels
CONSTANT = Box(300, 550, 700, 800)
Policy = Callable[[Row, Random], tuple[Iterable[int], str]]
"""A face and the dice of its answer -> the AUs that are claimed, and the answer."""


def redrawn_rows(faces: int) -> list[Row]:
    """The rows of `tag-plugin prepare synth_redrawn` and `detect`, without their pictures."""
    numbers = (FaceId(split_seed(0, "test"), index) for index in range(faces))
    return [row_of(face_id) for number in numbers for face_id in redrawn_ids(number)]


def row_of(face_id: FaceId) -> Row:
    face = drawn_face(face_id)
    return Row(
        id=str(face_id),
        dataset=REDRAWN,
        split="test",
        image=f"images/test/{face_id}.jpg",
        label=face.emotion,
        label_set="synth",
        detections=detections(face),
        detector=DetectorInfo(name="synthetic", version="1"),
    )


def present(row: Row) -> list[int]:
    return sorted({each.au for each in row.detections.on(Thresholds())})


def by_prototype(aus: Iterable[int]) -> str:
    aus = set(aus)
    return max(LABELS, key=lambda label: prototype_similarity(aus, label))


def by_label(label: str) -> list[int]:
    return [au for au, weight in PROTOTYPES[label].items() if weight >= OWN_WEIGHT and au != 14]


def guessed(row: Row, dice: Random, accuracy: float) -> str:
    """The emotion of the picture that is shown, this often; else any."""
    return row.label if dice.random() < accuracy else dice.choice(LABELS)


def noisy(aus: Iterable[int], dice: Random, recall: float, foreign: float) -> list[int]:
    kept = [au for au in aus if dice.random() < recall]
    every = sorted(set(SYNTH_AUS) - set(kept))
    return sorted({*kept, *(au for au in every if dice.random() < foreign)})


def looks(row: Row, _: Random) -> tuple[Iterable[int], str]:
    aus = present(row)
    return aus, by_prototype(aus)


def looks_badly(row: Row, dice: Random) -> tuple[Iterable[int], str]:
    aus = noisy(present(row), dice, recall=0.9, foreign=0.02)
    return aus, by_prototype(aus)


def explains(row: Row, dice: Random) -> tuple[Iterable[int], str]:
    """Answers first, then names the AUs that go with the answer."""
    label = guessed(row, dice, accuracy=0.9)
    return by_label(label), label


def explains_in_varied_words(row: Row, dice: Random) -> tuple[Iterable[int], str]:
    label = guessed(row, dice, accuracy=0.9)
    return noisy(by_label(label), dice, recall=0.7, foreign=0.03), label


def sees_aus_and_answers_the_same(row: Row, _: Random) -> tuple[Iterable[int], str]:
    return present(row), "sadness"


def answer_of(row: Row, policy: Policy, frame: BoxFrame = BoxFrame.RELATIVE) -> str:
    """The completion; the same face and policy always give the same one."""
    aus, label = policy(row, Random(f"{policy.__name__} {row.id}"))
    boxes = {each.au: each.box for each in row.detections.detections}
    steps = tuple(
        Inspection(
            region=action_unit(au).region,
            au=au,
            observation=OBSERVATIONS[au][0],
            box=boxes.get(au, CONSTANT),
        )
        for au in sorted(aus)[:8]
    )
    return render(Trace(global_analysis="A face.", inspections=steps, answer=label), frame)
