"""Meshes that `detect` leaves beside the rows, so that `detector fit` need not find them again.

DATA_DIR/<dataset>/meshes/<split>/<picture's name>.npy holds one float32 array: 478 x 3 coordinates
in shares of the face frame, then MediaPipe's 52 blendshapes in the order of `BLENDSHAPES`.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.console import progress
from tag_plugin.data.rows import read_rows
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.fit import Faces
from tag_plugin.detectors.heads import MESH_POINTS


def _both(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{side}" for name in names for side in ("Left", "Right"))


BLENDSHAPES: Final = (
    *("_neutral", "browInnerUp", "cheekPuff", "jawForward", "jawLeft", "jawOpen", "jawRight"),
    *("mouthClose", "mouthFunnel", "mouthLeft", "mouthPucker", "mouthRight", "mouthRollLower"),
    *("mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *_both("browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn"),
    *_both("eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown"),
    *_both("mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp"),
    *_both("noseSneer"),
)


def mesh_file(directory: Path, image: str) -> Path:
    """Where the mesh of a row's `image` lies under DATA_DIR/<dataset>."""
    folders = PurePosixPath(image).parts
    return directory.joinpath("meshes", *folders[folders[0] == "images" :]).with_suffix(".npy")


def keep_mesh(path: Path, mesh: NDArray[np.float64], blendshapes: Mapping[str, float]) -> None:
    """Write one face: its mesh (478, 3) and its blendshapes by name."""
    scores = [blendshapes[name] for name in BLENDSHAPES]
    with atomic_write(path) as partial, partial.open("wb") as file:
        np.save(file, np.append(mesh, scores).astype(np.float32))


def kept_faces(directory: Path, split: str) -> Faces:
    """The faces of a split's detected rows that have a mesh, in the order of the rows.

    Raises:
        DetectorError: nothing is detected, or no meshes were kept; the message says what to run.
    """
    rows, command = directory / "detected" / f"{split}.jsonl", f"tag-plugin detect {directory}"
    if not rows.is_file():
        raise DetectorError(f"no {rows}; next: {command}")
    labels, arrays = [], []
    for row in progress(read_rows(rows), f"meshes: {split}"):
        path = mesh_file(directory, row.image)
        if row.detections is not None and path.is_file():
            labels.append(row.label)
            arrays.append(_face(path))
    if not arrays:
        raise DetectorError(f"{directory}/meshes has no mesh of {split}; next: {command} --restart")
    values = np.stack(arrays).astype(np.float64)
    scores = values[:, 3 * MESH_POINTS :].T
    return Faces(
        meshes=values[:, : 3 * MESH_POINTS].reshape(-1, MESH_POINTS, 3),
        blendshapes=dict(zip(BLENDSHAPES, scores, strict=True)),
        labels=np.array(labels),
    )


def _face(path: Path) -> NDArray[np.float32]:
    try:
        values: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DetectorError(f"{path}: no mesh ({error}); next: delete it, detect again") from None
    if values.shape != (3 * MESH_POINTS + len(BLENDSHAPES),) or not np.isfinite(values).all():
        raise DetectorError(f"{path}: no mesh ({values.shape}); next: delete it, detect again")
    return values
