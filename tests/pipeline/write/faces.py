"""Detected rows with a face frame each: flat pictures of different colours."""

from hashlib import sha256

from PIL import Image

from tag_plugin.data.rows import write_rows
from tests.pipeline.detected_rows import INFO, hand_made, prepared_row


def write_detected(directory, count, splits=("train",)):
    """`count` rows a split; returns SHA-256 of the picture -> row."""
    by_picture = {}
    for part, split in enumerate(splits):
        rows = []
        for number in range(count):
            row = prepared_row(number, split)
            update = {"detections": hand_made(row.id), "detector": INFO}
            rows.append(row.model_copy(update=update))
            path = directory / row.image
            path.parent.mkdir(parents=True, exist_ok=True)
            colour = (number % 16 * 16, number // 16 % 16 * 16, number // 256 * 16 + part * 128)
            Image.new("RGB", (448, 448), colour).save(path, quality=95)
            by_picture[sha256(path.read_bytes()).hexdigest()] = rows[-1]
        write_rows(directory / "detected" / f"{split}.jsonl", rows)
    assert len(by_picture) == count * len(splits), "two rows share a picture"
    return by_picture
