"""What a model's vision tower knows before anybody asks: linear probes on its frozen tokens.

    python benchmarks/study/linear_probe.py MODEL... --data data/ferplus [--split test]

MODEL is a checkpoint of the tiny architecture (`tag-plugin tiny base`, a recipe of recipes/tiny).
Its tower reads the face frames of `detected/`; on the mean of its 64 image tokens a logistic
regression, fitted on train, predicts the emotion and each AU that the detector is sure about. Raw
24x24 grey pixels under the same regression stand beside it. Prints JSON.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, recall_score, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import AutoModelForImageTextToText

from tag_plugin.data.console import progress
from tag_plugin.data.face_frame import read_face
from tag_plugin.data.rows import Row, read_rows
from tag_plugin.tiny.faces import normalised, to_patches
from tag_plugin.tiny.pretrain_vision import rotary, vision_tokens

Features = NDArray[np.float32]
_BATCH = 32
_FEWEST = 10


def faces_of(data: Path, split: str, count: int) -> list[Row]:
    """So many faces of a split, drawn at random, always the same ones."""
    rows = [row for row in read_rows(data / "detected" / f"{split}.jsonl") if row.detections]
    order = np.random.default_rng(0).permutation(len(rows))
    return [rows[place] for place in islice(order, count)]


def pixels_of(data: Path, rows: Sequence[Row]) -> Features:
    """24 x 24 grey pixels of each face, (n, 576)."""
    frames = (cv2.cvtColor(read_face(data / row.image), cv2.COLOR_RGB2GRAY) for row in rows)
    small = [cv2.resize(frame, (24, 24), interpolation=cv2.INTER_AREA).ravel() for frame in frames]
    return np.stack(small).astype(np.float32)


def tokens_of(model: Path, data: Path, rows: Sequence[Row]) -> Features:
    """The mean image token of each face, (n, width)."""
    tower = AutoModelForImageTextToText.from_pretrained(model).float().eval().model.visual
    positions = rotary(tower, patches=256)
    found = []
    for start in progress(range(0, len(rows), _BATCH), f"{model}"):
        frames = [to_patches(read_face(data / row.image)) for row in rows[start : start + _BATCH]]
        with torch.no_grad():
            seen = vision_tokens(tower, normalised(torch.from_numpy(np.stack(frames))), *positions)
        found.append(seen.mean(dim=1).numpy())
    return np.concatenate(found)


def probe(
    train: Features, test: Features, rows: tuple[Sequence[Row], Sequence[Row]]
) -> dict[str, Any]:
    """Accuracy and UAR of the emotion; mean AUC and pooled F1 of the AUs."""
    known, asked = ([row.label for row in part] for part in rows)
    guessed = _fitted(train, known).predict(test)
    uar = recall_score(asked, guessed, average="macro", zero_division=0)
    aucs, truth, chosen = {}, [], []
    for au in sorted(rows[0][0].detections.supported):  # type: ignore[union-attr]  # faces only
        (here, present), (there, asked_for) = (_decided(part, au) for part in rows)
        if min(sum(present), sum(asked_for)) < _FEWEST or all(present) or all(asked_for):
            continue
        scores = _fitted(train[here], present).predict_proba(test[there])[:, 1]
        aucs[au] = round(float(roc_auc_score(asked_for, scores)), 3)
        truth += asked_for
        chosen += list(scores >= 0.5)
    return {
        "accuracy": round(float(np.mean(np.array(guessed) == asked)), 3),
        "uar": round(float(uar), 3),
        "au_mean_auc": round(float(np.mean(list(aucs.values()))), 3),
        "au_pooled_f1": round(float(f1_score(truth, chosen)), 3),
        "au_auc": aucs,
    }


def _fitted(features: Features, targets: Sequence[Any]) -> Pipeline:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return model.fit(features, targets)


def _decided(rows: Sequence[Row], au: int) -> tuple[list[int], list[bool]]:
    """The numbers of the rows whose detector is sure about an AU, and what it says there."""
    places, present = [], []
    for number, row in enumerate(rows):
        if row.detections is None or row.detector is None:
            continue
        limits = row.detector.thresholds
        probability = {d.au: d.probability for d in row.detections.detections}.get(au, 0.0)
        if not limits.grey <= probability < limits.on:
            places.append(number)
            present.append(probability >= limits.on)
    return places, present


def main() -> None:
    """Probe each model and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True, help="DATA_DIR/<dataset>")
    parser.add_argument("--train", type=int, default=4000, help="faces to fit on")
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    given = parser.parse_args()
    train = faces_of(given.data, "train", given.train)
    test = faces_of(given.data, given.split, 10_000)
    labels = [row.label for row in test]
    found = {
        "train_faces": len(train),
        f"{given.split}_faces": len(test),
        "majority": round(max(labels.count(label) for label in set(labels)) / len(test), 3),
        "pixels": probe(pixels_of(given.data, train), pixels_of(given.data, test), (train, test)),
    }
    for model in given.models:
        seen = tokens_of(model, given.data, [*train, *test])
        found[str(model)] = probe(seen[: len(train)], seen[len(train) :], (train, test))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
