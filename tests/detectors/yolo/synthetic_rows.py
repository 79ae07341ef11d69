"""A small dataset of drawn faces, detected exactly, as `prepare synth` and `detect` leave it."""

from functools import partial

from PIL import Image

from tag_plugin.data.face_frame import write_face
from tag_plugin.data.rows import Row, write_rows
from tag_plugin.data.synthetic.face_id import FaceId
from tag_plugin.data.synthetic.render import render
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.detectors.synthetic import SyntheticDetector

COUNTS = {"train": 24, "dev": 12, "test": 10}


def write_dataset(directory, counts=COUNTS):
    """DATA_DIR/<dataset> with images and detected rows; returns the rows by split."""
    written = {}
    for split, count in counts.items():
        written[split] = [_row(directory, split, number) for number in range(count)]
        write_rows(directory / "detected" / f"{split}.jsonl", written[split])
    return written


def _row(directory, split, number):
    face_id = FaceId(split_seed(0, split), number)
    face = sample_face(face_id.seed, face_id.index)
    image = f"images/{split}/{face_id}.jpg"
    write_face(directory / image, Image.fromarray(render(face)))
    row = Row(
        id=str(face_id),
        dataset="synth",
        split=split,
        image=image,
        label=face.emotion,
        label_set="synth",
    )
    exact = SyntheticDetector()
    found = exact.detect_row(row, partial(int))
    return row.model_copy(update={"detections": found, "detector": exact.info})
