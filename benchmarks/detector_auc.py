"""How well a detector's AUs separate the emotions whose prototypes they belong to.

    python benchmarks/detector_auc.py DATA_DIR/ferplus --split test

There are no AU labels here, so this is circumstantial. For each AU: positives are the faces of
emotions whose published prototype has it with weight >= 0.5, negatives those of emotions without it
(contempt aside), the classes weighted alike; an AU that is not supported counts 0.5.

    auc             the area under the curve; mean over twelve AUs, of which `listed` are left out
    against_neutral of each positive emotion against neutral faces
    thirds          the mean of the twelve by thirds of the pictures' brightness and of the yaw
    on              faces with an AU that is on: neutral ones, and of each emotion an AU of its own
                    prototype with weight >= 0.5; with and without the listed AUs
    boxes           a box's share of the face's hull, over AUs and faces
    shifted         IoU of boxes with themselves moved by 5 % of the frame

Prints JSON. Brightness is read from the pictures, yaw and hull from the meshes that `detect` keeps.
"""

import argparse
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from sklearn.metrics import roc_auc_score

from tag_plugin.data.face_frame import read_face
from tag_plugin.data.rows import Row, read_rows
from tag_plugin.detectors.ensemble import strongest
from tag_plugin.detectors.fit import emotions_of, weighted_auc
from tag_plugin.detectors.heads import MESH_POINTS, load_heads
from tag_plugin.detectors.kept_meshes import mesh_file
from tag_plugin.detectors.mesh import align
from tag_plugin.facs.boxes import BOX_SCALE, Box, iou
from tag_plugin.facs.prototypes import PROTOTYPES

TWELVE = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 25, 26)
LISTED = (17, 20, 23, 24)
SHIFT = BOX_SCALE // 20

Probabilities = dict[int, NDArray[np.float64]]
"""AU -> (faces,); a supported AU without a detection is 0."""


def probabilities(rows: list[Row]) -> Probabilities:
    """What the rows' detector says; AUs that it does not measure are not there."""
    supported = frozenset[int]().union(*(r.detections.supported for r in rows if r.detections))
    best = [strongest(row.detections) if row.detections else {} for row in rows]
    return {
        au: np.array([face[au].probability if au in face else 0.0 for face in best])
        for au in sorted(supported)
    }


def mean_auc(found: Probabilities, labels: NDArray[np.str_], faces: NDArray[np.bool_]) -> float:
    """The mean of the twelve AUs over these faces."""
    each = [
        (weighted_auc(au, found[au][faces], labels[faces]) if au in found else None) or 0.5
        for au in TWELVE
    ]
    return round(float(np.mean(each)), 3)


def table(found: Probabilities, labels: NDArray[np.str_]) -> dict[str, Any]:
    """AUC by AU, with each positive emotion against neutral."""
    lines: dict[str, Any] = {}
    neutral = labels == "neutral"
    for au in (*TWELVE, *LISTED):
        line: dict[str, Any] = {"supported": au in found, "auc": 0.5}
        if au in found:
            line["auc"] = round(weighted_auc(au, found[au], labels) or 0.5, 3)
            line["on_neutral"] = share(found[au][neutral] >= 0.5)
            for emotion in emotions_of(au)[0]:
                chosen = neutral | (labels == emotion)
                if (labels == emotion).any():
                    auc = roc_auc_score(labels[chosen] == emotion, found[au][chosen])
                    line[f"{emotion}_against_neutral"] = round(float(auc), 3)
        lines[f"AU{au}"] = line
    return lines


def thirds(
    values: NDArray[np.float64], found: Probabilities, labels: NDArray[np.str_]
) -> list[float]:
    """The mean AUC in the lowest, middle and highest third."""
    limits = np.quantile(values, (1 / 3, 2 / 3))
    third = np.digitize(values, limits)
    return [mean_auc(found, labels, third == number) for number in range(3)]


def on(found: Probabilities, labels: NDArray[np.str_], aside: Collection[int]) -> dict[str, float]:
    """The shares of faces with an AU that is on: any on neutral, the own ones on the others."""
    present = {au: each >= 0.5 for au, each in found.items() if au not in aside}
    nothing = np.zeros(len(labels), dtype=bool)
    shares = {}
    for emotion, weights in PROTOTYPES.items():
        own = [au for au in present if not weights or weights.get(au, 0) >= 0.5]
        hit = np.any([nothing, *(present[au] for au in own)], axis=0)
        if (labels == emotion).any():
            shares[emotion] = share(hit[labels == emotion])
    return shares


def share(values: NDArray[np.bool_]) -> float:
    """Of true ones, to three decimals."""
    return round(float(values.mean()), 3)


def boxes(rows: list[Row], meshes: NDArray[np.float64]) -> dict[str, Any]:
    """Shares of the hull, and IoU of boxes with themselves moved aside and down."""
    shares: dict[int, list[float]] = {}
    moved: list[float] = []
    for row, mesh in zip(rows, meshes, strict=True):
        hull = ConvexHull(mesh[:, :2] * BOX_SCALE).volume
        for each in row.detections.detections if row.detections else ():
            x1, y1, x2, y2 = each.box.as_tuple()
            shares.setdefault(each.au, []).append((x2 - x1) * (y2 - y1) / hull)
            if x2 + SHIFT <= BOX_SCALE and y2 + SHIFT <= BOX_SCALE:
                moved.append(iou(each.box, Box(x1 + SHIFT, y1 + SHIFT, x2 + SHIFT, y2 + SHIFT)))
    means = {f"AU{au}": round(float(np.mean(values)), 3) for au, values in sorted(shares.items())}
    return {
        "hull_share": {"mean": round(float(np.mean(list(means.values()))), 3), **means},
        "shifted_iou": round(float(np.mean(moved)), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("directory", type=Path, nargs="?", help="DATA_DIR/<dataset>, detected")
    parser.add_argument("--split", default="test")
    given = parser.parse_args()
    if given.directory is None:
        print(json.dumps({"skipped": "needs a detected dataset: detector_auc.py DATA_DIR/ferplus"}))
        return
    rows = list(read_rows(given.directory / "detected" / f"{given.split}.jsonl"))
    faces = [row for row in rows if row.detections is not None]
    if not faces:
        raise SystemExit(f"no faces in {given.directory}/detected/{given.split}.jsonl")
    labels, found = np.array([row.label for row in faces]), probabilities(faces)
    everyone = np.ones(len(faces), dtype=bool)
    report: dict[str, Any] = {
        "detector": faces[0].detector.model_dump(mode="json") if faces[0].detector else None,
        "faces": {name: int((labels == name).sum()) for name in PROTOTYPES},
        "no_face": len(rows) - len(faces),
        "mean_auc": mean_auc(found, labels, everyone),
        "aus": table(found, labels),
        "on_without_listed": on(found, labels, LISTED),
        "on": on(found, labels, ()),
    }
    bright = np.array([cv2.mean(read_face(given.directory / row.image))[1] for row in faces])
    by = {"brightness": bright}
    files = [mesh_file(given.directory, row.image) for row in faces]
    if all(path.is_file() for path in files):
        meshes = np.stack([np.load(path)[: 3 * MESH_POINTS] for path in files]).astype(float)
        meshes = meshes.reshape(-1, MESH_POINTS, 3)
        by["yaw"] = np.abs(align(meshes, np.array(load_heads()[0].reference)).yaw)
        report["boxes"] = boxes(faces, meshes)
    report["thirds"] = {what: thirds(values, found, labels) for what, values in by.items()}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
