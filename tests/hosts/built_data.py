"""A small DATA_DIR/synth whose traces name only the two clearest AUs, from 0.8 on."""

from pathlib import Path

from PIL import Image

from tag_plugin.data.rows import DetectorInfo, Row, Split, read_rows, write_rows
from tag_plugin.facs.boxes import FACE_FRAME, Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections, Thresholds
from tag_plugin.pipeline.build import BuildSettings, build
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.scoring.score import JudgeConfig
from tag_plugin.trace.render import render

SURE = JudgeConfig(thresholds=Thresholds(on=0.8), top_k=2)
"""`build --on 0.8 --top-k 2`."""
PROBABILITIES = (
    {12: 0.95, 25: 0.6, 6: 0.7},
    {12: 0.95, 25: 0.9, 6: 0.85, 26: 0.5},
    {12: 0.85},
)
"""AU -> probability, face by face; all of them are happy."""


def detected_row(number: int, split: Split) -> Row:
    found = tuple(
        Detection(au=au, probability=each, box=Box(30 * au, 30 * au, 30 * au + 99, 30 * au + 99))
        for au, each in PROBABILITIES[number].items()
    )
    return Row(
        id=f"{split}-{number}",
        dataset="synth",
        split=split,
        image=f"images/{split}/{number}.png",
        label="happiness",
        label_set="synth",
        detections=Detections(detections=found, supported=frozenset({4, 6, 12, 25, 26})),
        detector=DetectorInfo(name="synthetic", version="1"),
    )


def write_detected_faces(data_dir: Path) -> Path:
    """Its train and test rows with their pictures; returns DATA_DIR/synth."""
    directory = data_dir / "synth"
    splits: tuple[Split, ...] = ("train", "test")
    for split in splits:
        rows = [detected_row(number, split) for number in range(len(PROBABILITIES))]
        for number, row in enumerate(rows):
            path = directory / row.image
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (FACE_FRAME, FACE_FRAME), (number * 60, 100, 90)).save(path)
        write_rows(directory / "detected" / f"{split}.jsonl", rows)
    return directory


def build_sure(directory: Path) -> None:
    build(BuildSettings(directory, judge=SURE))


def gold(directory: Path, split: str, frame: BoxFrame) -> list[str]:
    """What a model writes that has learned these traces, face by face."""
    rows = read_rows(directory / "detected" / f"{split}.jsonl")
    traces = (write_trace(row.label, row.detections, 0, SURE) for row in rows if row.detections)
    return [render(trace, frame) for trace in traces]
