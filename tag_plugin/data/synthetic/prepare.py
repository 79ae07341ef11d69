"""Procedural faces as a dataset: pictures and rows in the layout that every dataset has.

DATA_DIR/<name>/images/<split>/<row id>.jpg      448x448 RGB
DATA_DIR/<name>/prepared/{train,dev,test}.jsonl  rows without detections
DATA_DIR/<name>/prepare.json                     what was made, and how
"""

import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from PIL import Image

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.console import bars
from tag_plugin.data.face_frame import write_face
from tag_plugin.data.file_names import check_dataset_name
from tag_plugin.data.rows import SPLITS, Row, Split, write_rows
from tag_plugin.data.synthetic.render import render
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.data.text_file import read_json_object

DATASET: Final = "synth"
DEFAULT_COUNTS: Final[Mapping[Split, int]] = {"train": 4000, "dev": 200, "test": 300}
_MANIFEST: Final = "prepare.json"
_FORMER_MANIFEST: Final = "prepared/prepare.json"
_DRAWN: Final = {"faces": "drawn"}
"""What the settings of procedural faces begin with."""
_CHUNK: Final = 32


@dataclass(frozen=True, slots=True)
class FaceId:
    """Which face a row holds: the seed of its split and its number there."""

    seed: int
    index: int

    def __str__(self) -> str:
        return f"{DATASET}-{self.seed}-{self.index:06d}"


def parse_face_id(row_id: str) -> FaceId:
    """The face that a row id names.

    Raises:
        ValueError: not the id of a procedural face.

    >>> parse_face_id("synth-2-000017")
    FaceId(seed=2, index=17)
    """
    match = re.fullmatch(rf"{DATASET}-(\d+)-(\d+)", row_id)
    if match is None:
        raise ValueError(
            f"row {row_id!r} is no procedural face (synth-<seed>-<index>); "
            "use another detector for it"
        )
    return FaceId(int(match[1]), int(match[2]))


def prepare_synth(
    data_dir: Path,
    counts: Mapping[Split, int] = DEFAULT_COUNTS,
    seed: int = 0,
    workers: int | None = None,
    name: str = DATASET,
) -> dict[str, int]:
    """Draw the faces and write their rows; pictures that already exist are kept.

    The same seed gives the same faces on every machine, and the splits never share one.
    Returns the number of rows of each split.

    Raises:
        ValueError: a negative count, no name for a dataset, or DATA_DIR/<name> holds something
            else.
    """
    if any(count < 0 for count in counts.values()):
        raise ValueError(f"negative number of faces: {dict(counts)}")
    check_dataset_name(name)
    root = data_dir / name
    _require_ours(root, seed)
    written: dict[str, int] = {}
    _write_manifest(root, written, seed)  # first of all: a run that was killed knows its own rows
    with bars(stderr=True) as progress, ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        for split in SPLITS:
            ids = [FaceId(split_seed(seed, split), i) for i in range(counts.get(split, 0))]
            (root / "images" / split).mkdir(parents=True, exist_ok=True)
            made = pool.map(partial(_make_row, root, split), ids, chunksize=_CHUNK)
            rows = progress.track(made, total=len(ids), description=f"faces: {split}")
            written[split] = write_rows(root / "prepared" / f"{split}.jsonl", rows)
    _write_manifest(root, written, seed)
    return written


def _require_ours(root: Path, seed: int) -> None:
    """A folder with rows is written again only when they are procedural faces of this seed."""
    drawn_with = _recorded_seed(root)
    rows = any(file.stat().st_size for file in root.glob("prepared/*.jsonl"))
    if rows and drawn_with != seed:
        held = "another dataset" if drawn_with is None else f"the faces of seed {drawn_with}"
        raise ValueError(f"{root} holds {held}; next: give these faces a --name of their own")


def _recorded_seed(root: Path) -> int | None:
    """The seed that the faces in a folder were drawn with; None where they are something else."""
    settings: Any = {}
    if (root / _MANIFEST).is_file():
        settings = read_json_object(root / _MANIFEST).get("settings")
        if not isinstance(settings, dict) or settings.get("faces") != _DRAWN["faces"]:
            return None
    elif (root / _FORMER_MANIFEST).is_file():
        settings = read_json_object(root / _FORMER_MANIFEST)
    return settings["seed"] if isinstance(settings.get("seed"), int) else None


def _make_row(root: Path, split: Split, face_id: FaceId) -> Row:
    face = sample_face(face_id.seed, face_id.index)
    image = f"images/{split}/{face_id}.jpg"
    if not (root / image).exists():
        write_face(root / image, Image.fromarray(render(face)))
    return Row(
        id=str(face_id),
        dataset=root.name,
        split=split,
        image=image,
        label=face.emotion,
        label_set=DATASET,
    )


def _write_manifest(root: Path, counts: Mapping[str, int], seed: int) -> None:
    rest = {"counts": {}, "dropped": {}, "resumed_at": 0, "inputs_per_second": None}
    splits = {name: {"inputs": rows, "rows": rows, **rest} for name, rows in counts.items()}
    manifest = {"settings": {**_DRAWN, "seed": seed}, "splits": splits}
    write_text(root / _MANIFEST, json.dumps(manifest, indent=2) + "\n")
    (root / _FORMER_MANIFEST).unlink(missing_ok=True)
