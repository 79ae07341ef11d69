"""Rows with detections -> a dataset in ultralytics' layout.

OUT/images/<split>/<number>.jpg   links to (or copies of) the face frames
OUT/labels/<split>/<number>.txt   a line an AU that is on: class, centre x, centre y, width, height
OUT/data.yaml                     where they are, and the names of the classes

Rows are read one at a time, so a dataset may be of any size. An image's number is its row's place
in the file: a row's id may hold anything.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from tag_plugin.data.atomic_write import full_disk_named
from tag_plugin.data.console import progress
from tag_plugin.data.rows import NO_FACE, SPLITS, Row, Split, read_rows, row_lines
from tag_plugin.detectors.base import DetectorError
from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import BOX_SCALE, Box
from tag_plugin.facs.detections import Detection

NO_IMAGE: Final = "image missing"

ULTRALYTICS_SPLITS: Mapping[Split, str] = {"train": "train", "dev": "val", "test": "test"}
"""Our word for a split -> ultralytics' word."""


@dataclass
class Exported:
    """What was written: the AUs in the order of their class numbers, and counts."""

    data_yaml: Path
    classes: tuple[int, ...]
    left_out: dict[int, int]
    """AU -> training faces that show it, for the AUs that are too rare."""
    images: dict[str, int] = field(default_factory=dict)
    faces: dict[str, dict[int, int]] = field(default_factory=dict)
    """Split -> AU -> faces that show it."""
    skipped: dict[str, dict[str, int]] = field(default_factory=dict)
    """Split -> reason -> rows."""


def export(directory: Path, out: Path, min_faces: int = 20, copy: bool = False) -> Exported:
    """Write the dataset.

    Args:
        directory: DATA_DIR/<dataset>, with `detected/<split>.jsonl`.
        out: the folder to write; it must not exist.
        min_faces: an AU that is on in fewer training faces is left out.
        copy: copy the images instead of linking to them.

    Raises:
        DetectorError: no detected rows, no AU that is frequent enough, or the folder exists.
    """
    files = detected_files(directory)
    if out.exists():
        raise DetectorError(f"{out} exists; next: choose another folder or remove it")
    rows = read_rows(files["train"], lambda _: None)  # the bad ones are named at the export
    counts = Counter(detection.au for row in rows for detection in present(row))
    classes = tuple(sorted(au for au, count in counts.items() if count >= min_faces))
    if not classes:
        raise DetectorError(
            f"{files['train']}: no AU is on in {min_faces} faces; next: more rows, or a smaller "
            "--min-faces"
        )
    left_out = {au: count for au, count in sorted(counts.items()) if au not in classes}
    exported = Exported(out / "data.yaml", classes, left_out)
    for split, path in files.items():
        _export_split(directory, split, path, exported, shutil.copyfile if copy else os.symlink)
    content = {
        "path": os.fspath(out.resolve()),
        **{ULTRALYTICS_SPLITS[split]: f"images/{split}" for split in files},
        "names": {number: action_unit(au).code for number, au in enumerate(classes)},
    }
    exported.data_yaml.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return exported


def detected_files(directory: Path) -> Mapping[Split, Path]:
    """The detected rows of each split; `train` and `dev` are needed.

    Raises:
        DetectorError: one of them is missing; the message says the next command.
    """
    paths = {split: directory / "detected" / f"{split}.jsonl" for split in SPLITS}
    for split in ("train", "dev"):
        if not paths[split].is_file():
            raise DetectorError(
                f"no detected rows {paths[split]}; next: tag-plugin detect {directory}"
            )
    return {split: path for split, path in paths.items() if path.is_file()}


def present(row: Row) -> tuple[Detection, ...]:
    """The AUs that are on in a row's face, by its detector's own thresholds."""
    if row.detections is None or row.detector is None:
        return ()
    return row.detections.on(row.detector.thresholds)


def label_line(number: int, box: Box) -> str:
    """A box in ultralytics' text format: class, then centre and size in shares of the image."""
    x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    values = (x, y, box.x2 - box.x1, box.y2 - box.y1)
    return " ".join([str(number), *(f"{value / BOX_SCALE:.5f}" for value in values)])


def _export_split(
    directory: Path,
    split: Split,
    path: Path,
    exported: Exported,
    put: Callable[[Path, Path], object],
) -> None:
    images, labels = (exported.data_yaml.parent / kind / split for kind in ("images", "labels"))
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    numbers = {au: number for number, au in enumerate(exported.classes)}
    faces: Counter[int] = Counter()
    skipped: Counter[str] = Counter()
    for number, row in enumerate(tracked_rows(path, f"yolo {split}")):
        source = (directory / row.image).resolve()
        if row.detections is None or not source.is_file():
            skipped[NO_FACE if row.detections is None else NO_IMAGE] += 1
            continue
        shown = [each for each in present(row) if each.au in numbers]
        put(source, images / f"{number:08d}{source.suffix}")
        label_file = labels / f"{number:08d}.txt"
        lines = (label_line(numbers[each.au], each.box) + "\n" for each in shown)
        with full_disk_named(label_file):
            label_file.write_text("".join(lines), encoding="utf-8")
        faces.update(each.au for each in shown)
    exported.images[split] = sum(1 for _ in labels.iterdir())
    exported.faces[split] = dict(sorted(faces.items()))
    exported.skipped[split] = dict(sorted(skipped.items()))


def tracked_rows(path: Path, description: str) -> Iterator[Row]:
    """The rows of a file, one at a time, with a bar."""
    yield from progress(read_rows(path), description, sum(1 for _ in row_lines(path)))
