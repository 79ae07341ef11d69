"""A small DATA_DIR as `prepare` and `build` write it, and a plain sharegpt dataset beside it."""

import json
from pathlib import Path

from PIL import Image

from tag_plugin.data.rows import Row, write_rows
from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.trace.grammar import Trace

LABELS = ("happiness", "sadness", "anger", "neutral")
BOXES = {12: [250, 610, 750, 820], 15: [260, 640, 740, 850], 4: [213, 301, 787, 407]}
UNITS = {"happiness": 12, "sadness": 15, "anger": 4}
PLAIN_QUESTION = "<image>What colour is this picture?"


def row(index: int, image: str | None = None) -> Row:
    """A row whose picture and trace follow from its index."""
    label = LABELS[index % len(LABELS)]
    unit = UNITS.get(label)
    steps = [] if unit is None else [_step(unit)]
    trace = {"global_analysis": f"Face {index}.", "inspections": steps, "answer": label}
    return Row(
        id=f"synth-train-{index:04d}",
        dataset="synth",
        split="train",
        image=image or f"images/train/{index:04d}.jpg",
        label=label,
        label_set="synth",
        trace=Trace.model_validate(trace),
    )


def _step(unit: int) -> dict[str, object]:
    return {
        "region": action_unit(unit).region,
        "au": unit,
        "observation": "the skin folds",
        "box": BOXES[unit],
    }


def save_face(path: Path, index: int, side: int = FACE_FRAME) -> None:
    """A picture of one colour, different for every index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (index % 256, index * 7 % 256, 90)).save(path)


def write_tag_dataset(data_dir: Path, count: int) -> list[Row]:
    """`tag_synth_train` and its label-only twin, with their pictures."""
    rows = [row(index) for index in range(count)]
    for index, each in enumerate(rows):
        save_face(data_dir / "synth" / each.image, index)
    write_rows(data_dir / "synth/built/train.jsonl", rows)
    for name, formatting in (("", "tag"), ("_label_only", "tag_label_only")):
        entry = {"file_name": "synth/built/train.jsonl", "formatting": formatting}
        add_entry(data_dir, f"tag_synth_train{name}", entry)
    return rows


def write_plain_dataset(data_dir: Path, count: int) -> None:
    """`plain`: an ordinary sharegpt dataset with pictures of another size."""
    samples = []
    for index in range(count):
        image = f"plain/{index:04d}.png"
        save_face(data_dir / image, index, side=112)
        messages = [
            {"from": "human", "value": PLAIN_QUESTION},
            {"from": "gpt", "value": f"Colour number {index}."},
        ]
        samples.append({"conversations": messages, "images": [image]})
    (data_dir / "plain.json").write_text(json.dumps(samples))
    add_entry(
        data_dir,
        "plain",
        {
            "file_name": "plain.json",
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "images": "images"},
        },
    )


def write_pairs(data_dir: Path, count: int) -> None:
    """`pairs`: two pictures a sample, of one size or of two."""
    samples = []
    for index in range(count):
        sides = (112, 112 if index % 2 else 168)
        images = [f"pairs/{index:04d}_{place}.png" for place in range(len(sides))]
        for image, side in zip(images, sides, strict=True):
            save_face(data_dir / image, index + side, side)
        question = {"from": "human", "value": f"<image>Is it like this one? <image>Pair {index}."}
        reply = {"from": "gpt", "value": "No."}
        samples.append({"conversations": [question, reply], "images": images})
    (data_dir / "pairs.json").write_text(json.dumps(samples))
    columns = {"messages": "conversations", "images": "images"}
    entry = {"file_name": "pairs.json", "formatting": "sharegpt", "columns": columns}
    add_entry(data_dir, "pairs", entry)


def add_entry(data_dir: Path, name: str, entry: dict[str, object]) -> None:
    """One more entry in dataset_info.json."""
    path = data_dir / "dataset_info.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, name: entry}))
