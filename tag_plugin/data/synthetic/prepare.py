"""Procedural faces as a dataset: pictures and rows in the layout that every dataset has.

DATA_DIR/<name>/images/<split>/<row id>.jpg      448x448 RGB
DATA_DIR/<name>/prepared/{train,dev,test}.jsonl  rows without detections
DATA_DIR/<name>/prepare.json                     what was made, and how
"""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from PIL import Image

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.console import bars
from tag_plugin.data.face_frame import write_face
from tag_plugin.data.file_names import check_dataset_name
from tag_plugin.data.rows import SPLITS, Row, Split, write_rows
from tag_plugin.data.synthetic.face_id import FACES, FaceId
from tag_plugin.data.synthetic.redrawn import drawn_face, redrawn_ids
from tag_plugin.data.synthetic.render import render
from tag_plugin.data.synthetic.sampling import split_seed
from tag_plugin.data.text_file import read_json_object

DATASET: Final = FACES
REDRAWN: Final = f"{FACES}_redrawn"
"""Test faces that are drawn again with another AU; they are for evaluation only."""
DEFAULT_COUNTS: Final[Mapping[Split, int]] = {"train": 4000, "dev": 200, "test": 300}
_MANIFEST: Final = "prepare.json"
_FORMER_MANIFEST: Final = "prepared/prepare.json"
_DRAWN: Final = {False: "drawn", True: "drawn again"}
"""What the settings of procedural faces say of `faces`."""
_CHUNK: Final = 32


def prepare_synth(
    data_dir: Path,
    counts: Mapping[Split, int] = DEFAULT_COUNTS,
    seed: int = 0,
    workers: int | None = None,
    name: str = DATASET,
    *,
    again: bool = False,
) -> dict[str, int]:
    """Draw the faces and write their rows; pictures that already exist are kept.

    The same seed gives the same faces on every machine, and the splits never share one. With
    `again` each face that allows it is there two or three times: as it is, with one AU less, with
    one more (`redrawn_ids`); the others are left out.
    Returns the number of rows of each split.

    Raises:
        ValueError: a negative count, no name for a dataset, or DATA_DIR/<name> holds something
            else.
    """
    if any(count < 0 for count in counts.values()):
        raise ValueError(f"negative number of faces: {dict(counts)}")
    check_dataset_name(name)
    root = data_dir / name
    settings = {"faces": _DRAWN[again], "seed": seed}
    _require_ours(root, settings)
    written: dict[str, int] = {}
    # First of all: a run that was killed knows its own rows.
    _write_manifest(root, written, settings)
    with bars(stderr=True) as progress, ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        for split in SPLITS:
            ids = [FaceId(split_seed(seed, split), i) for i in range(counts.get(split, 0))]
            (root / "images" / split).mkdir(parents=True, exist_ok=True)
            made = pool.map(partial(_make_rows, root, split, again), ids, chunksize=_CHUNK)
            rows = progress.track(made, total=len(ids), description=f"faces: {split}")
            file = root / "prepared" / f"{split}.jsonl"
            written[split] = write_rows(file, chain.from_iterable(rows))
    _write_manifest(root, written, settings)
    return written


def _require_ours(root: Path, settings: Mapping[str, Any]) -> None:
    """A folder with rows is written again only when they are these procedural faces."""
    recorded = _recorded(root)
    rows = any(file.stat().st_size for file in root.glob("prepared/*.jsonl"))
    if rows and recorded != settings:
        ours = recorded is not None and recorded["faces"] == settings["faces"]
        held = f"the faces of seed {recorded['seed']}" if recorded and ours else "another dataset"
        raise ValueError(f"{root} holds {held}; next: give these faces a --name of their own")


def _recorded(root: Path) -> dict[str, Any] | None:
    """With which settings the faces in a folder were drawn; None where they are something else."""
    settings: Any = {}
    if (root / _MANIFEST).is_file():
        settings = read_json_object(root / _MANIFEST).get("settings")
        if not isinstance(settings, dict) or settings.get("faces") not in _DRAWN.values():
            return None
    elif (root / _FORMER_MANIFEST).is_file():
        settings = {"faces": _DRAWN[False], **read_json_object(root / _FORMER_MANIFEST)}
    if not isinstance(settings.get("seed"), int):
        return None
    return {name: settings[name] for name in ("faces", "seed")}


def _make_rows(root: Path, split: Split, again: bool, face_id: FaceId) -> list[Row]:
    ids = redrawn_ids(face_id) if again else [face_id]
    return [_make_row(root, split, each) for each in ids]


def _make_row(root: Path, split: Split, face_id: FaceId) -> Row:
    face = drawn_face(face_id)
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


def _write_manifest(root: Path, counts: Mapping[str, int], settings: Mapping[str, Any]) -> None:
    rest = {"counts": {}, "dropped": {}, "resumed_at": 0, "inputs_per_second": None}
    splits = {name: {"inputs": rows, "rows": rows, **rest} for name, rows in counts.items()}
    manifest = {"settings": settings, "splits": splits}
    write_text(root / _MANIFEST, json.dumps(manifest, indent=2) + "\n")
    (root / _FORMER_MANIFEST).unlink(missing_ok=True)
