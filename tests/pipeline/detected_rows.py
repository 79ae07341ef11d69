"""Prepared rows, and detections for them in a file that the cached detector reads."""

from random import Random

from tag_plugin.data.rows import DetectorInfo, Row, write_rows
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.pipeline.support import ANY, SupportRule

INFO = DetectorInfo(name="hand", version="1")
AUS = (1, 4, 12, 15, 25, 26)
EVERY = SupportRule(ANY)
"""These detections are drawn by lot: few of them support their label."""


def prepared_row(number, split):
    labels = LABEL_SETS["ferplus"].labels
    return Row(
        id=f"{split}{number:05d}",
        dataset="ferplus",
        split=split,
        image=f"images/{split}/{number:05d}.jpg",
        label=labels[number % len(labels)],
        label_set="ferplus",
    )


def hand_made(row_id):
    """Random boxes and probabilities that depend on nothing but the id."""
    random = Random(row_id)
    found = []
    for au in AUS:
        x, y = random.randrange(0, 700), random.randrange(0, 700)
        box = Box(x, y, x + random.randrange(50, 300), y + random.randrange(50, 300))
        found.append(Detection(au=au, probability=round(random.random(), 3), box=box))
    return Detections(detections=tuple(found), supported=frozenset(AUS))


def write_prepared(directory, count, splits=("train", "dev", "test")):
    """Prepared rows, every fifth without a face; returns the path of their cached detections."""
    cached = []
    for split in splits:
        rows = [prepared_row(number, split) for number in range(count)]
        write_rows(directory / "prepared" / f"{split}.jsonl", rows)
        for number, row in enumerate(rows):
            found = None if number % 5 == 4 else hand_made(row.id)
            cached.append(row.model_copy(update={"detections": found, "detector": INFO}))
    write_rows(directory / "cached.jsonl", cached)
    return directory / "cached.jsonl"
