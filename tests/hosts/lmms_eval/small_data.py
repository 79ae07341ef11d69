"""A small TAG_DATA_DIR: four faces, whose metrics are easy to work out by hand."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image

from tag_plugin.data.rows import DetectorInfo, Row, write_rows
from tag_plugin.facs.boxes import FACE_FRAME, Box
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.pipeline.baselines import write_baselines

SMILE = Box(300, 600, 700, 800)
OTHER_SMILE = Box(100, 600, 500, 800)
BROWS = Box(200, 200, 800, 400)

FACES: tuple[tuple[str, tuple[tuple[int, Box], ...]], ...] = (
    ("happiness", ((12, SMILE),)),
    ("happiness", ((12, OTHER_SMILE),)),
    ("sadness", ()),
    ("anger", ((4, BROWS),)),
)
"""Label, and the AUs that the detector saw."""


COMPLETION = """\
Global analysis: The mouth carries the expression.
Verification loop:
Inspect mouth → AU12 (lip corner puller): the lip corners rise → <bbox>[300,600,700,800]</bbox>
Final conclusion: AU12 indicates a dominant emotion of happiness.
<answer>happiness</answer>"""
"""The same answer to every face: right for the first, half right for the second."""

LABEL_METRICS = {
    "judged": 4,
    "accuracy": 0.5,
    "uar": 1 / 3,
    "macro_f1": 2 / 9,  # happiness 2/3, sadness and anger 0
    "unparsable_rate": 0.0,
    "recall_happiness": 1.0,
    "recall_sadness": 0.0,
    "recall_anger": 0.0,
    "f1_happiness": 2 / 3,
    "f1_sadness": 0.0,
    "f1_anger": 0.0,
}
WITHOUT_DETECTIONS = {
    **LABEL_METRICS,
    "well_formed_rate": 1.0,
    "no_claim_rate": 0.0,
    "spoken_of_rate": 1.0,
}
WITH_DETECTIONS = {
    **WITHOUT_DETECTIONS,
    "grounding": (1 + (1 / 3 - 0.3) / 0.7) / 4,
    "matched_iou": (1 + 1 / 3) / 2,
    "au_precision": 2 / 4,
    "au_recall": 2 / 3,
    "au_f1": 4 / 7,
    "hallucinated_au_rate": 2 / 4,
}
"""What COMPLETION earns on FACES, by hand; four faces are too few for kappa."""
WITH_BASELINES = {
    "right_reason": 1 / 3,  # its own box is better than the mean one on the first face only
    "box_skill": (1 + 1 / 21 - 2 * 3 / 7) / (2 - 2 * 3 / 7),  # the mean smile overlaps both by 0.6
    "silence_baseline": 1 / 4,
    "constant_baseline": (2 * 2 / 7 + 2 / 3) / 4,  # AU4 and AU12
    "by_answer_baseline": (2 * 3 / 7) / 4,  # AU12 for happiness
}
"""More of it where the train faces are these four faces as well."""


def row(index: int, dataset: str = "synth", detected: bool = True) -> Row:
    label, seen = FACES[index % len(FACES)]
    found = [Detection(au=au, probability=0.9, box=box) for au, box in seen]
    detections = Detections(detections=tuple(found), supported=frozenset({4, 12, 15}))
    return Row(
        id=f"{dataset}-{index}",
        dataset=dataset,
        split="test",
        image=f"images/test/{index}.png",
        label=label,
        label_set=dataset,
        detections=detections if detected else None,
        detector=DetectorInfo(name="synthetic", version="1") if detected else None,
    )


def write_dataset(data_dir: Path, dataset: str, stage: str, count: int = len(FACES)) -> Path:
    """`count` rows (the four faces in turn) with their pictures; returns the file."""
    rows = [row(index, dataset, stage == "detected") for index in range(count)]
    for index, each in enumerate(rows):
        save_picture(data_dir / dataset / each.image, index)
    file = data_dir / dataset / stage / "test.jsonl"
    write_rows(file, rows)
    return file


def write_train_faces(data_dir: Path) -> None:
    """The same four faces in synth's train split, and the baselines that follow."""
    faces = (row(index).model_copy(update={"split": "train"}) for index in range(len(FACES)))
    write_rows(data_dir / "synth/detected/train.jsonl", faces)
    assert write_baselines(data_dir / "synth")


class Config(SimpleNamespace):
    """What a host task's configuration offers."""

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def host_task(name: str = "tag_synth", **config: Any) -> Any:
    """A task as the host makes one from our YAML, as far as loading its documents needs it."""
    fields = {
        "task": name,
        "dataset_name": "synth",
        "test_split": "test",
        "dataset_kwargs": None,
        "generation_kwargs": {"max_new_tokens": 1024, "until": []},
        "metadata": {"version": 1.0},
    }
    return SimpleNamespace(config=Config(**(fields | config)))


def save_picture(path: Path, index: int, side: int = FACE_FRAME) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (index * 60 % 256, 100, 90)).save(path)
