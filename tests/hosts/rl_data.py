"""A small DATA_DIR/synth for other RL hosts: two detected rows, and one without a face."""

from pathlib import Path

from PIL import Image

from tag_plugin.data.rows import DetectorInfo, Row, write_rows
from tag_plugin.facs.boxes import FACE_FRAME, Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.trace.grammar import Trace
from tag_plugin.trace.render import render

SMILE = Box(300, 600, 700, 800)
DETECTOR = DetectorInfo(name="synthetic", version="1")
TRACE = Trace.model_validate(
    {
        "global_analysis": "The mouth carries the expression.",
        "inspections": [
            {"region": "mouth", "au": 12, "observation": "up", "box": [*SMILE.as_tuple()]}
        ],
        "answer": "happiness",
    }
)
GOLD = render(TRACE, BoxFrame.ABSOLUTE)
WRONG = "<answer>sadness</answer>"


def row(index: int, *, face: bool = True) -> Row:
    smile = Detection(au=12, probability=0.9, box=SMILE)
    found = Detections(detections=(smile,), supported=frozenset({4, 12}))
    return Row(
        id=f"synth-{index}",
        dataset="synth",
        split="train",
        image=f"images/{index}.png",
        label="happiness",
        label_set="synth",
        detections=found if face else None,
        detector=DETECTOR,
    )


def write_detected(data_dir: Path) -> Path:
    """DATA_DIR/synth with its pictures; returns it."""
    rows = [row(0), row(1), row(2, face=False)]
    for index, each in enumerate(rows):
        path = data_dir / "synth" / each.image
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (FACE_FRAME, FACE_FRAME), (index * 60, 100, 90)).save(path)
    write_rows(data_dir / "synth/detected/train.jsonl", rows)
    return data_dir / "synth"
