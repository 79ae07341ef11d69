"""How well a detector's AUs separate the emotions whose prototypes they belong to.

    python benchmarks/detector_auc.py DATA_DIR/ferplus [--splits train dev test]

There are no AU labels here, so this is circumstantial: the AUC of an AU's probability between the
faces of an emotion that its published prototype (`tag_plugin.facs.prototypes`) includes the AU
in, and the neutral faces; and between those faces and all the others. 0.5 is a coin. A detector
may be right and still score low where annotators' labels have little to do with the muscles, but
an AU below 0.5 for all its emotions should carry no weight in a reward. Prints JSON.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tag_plugin.data.rows import DetectorInfo, read_rows
from tag_plugin.detectors.ensemble import strongest
from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.prototypes import PROTOTYPES

Scores = dict[int, dict[str, list[float]]]
"""AU -> label -> the probability of every face."""


def collect(directory: Path, splits: list[str]) -> tuple[DetectorInfo | None, Scores]:
    """The probabilities of every face by AU and label."""
    scores: Scores = defaultdict(lambda: defaultdict(list))
    info = None
    for split in splits:
        for row in read_rows(directory / "detected" / f"{split}.jsonl"):
            info = row.detector
            if row.detections is None:
                continue
            best = strongest(row.detections)
            for au in row.detections.supported:
                probability = best[au].probability if au in best else 0.0
                scores[au][row.label].append(probability)
    return info, scores


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float | None:
    """The chance that a positive face scores above a negative one; ties count half."""
    if not positive.size or not negative.size:
        return None
    truth = np.repeat([1, 0], [positive.size, negative.size])
    return round(float(roc_auc_score(truth, np.concatenate([positive, negative]))), 3)


def table(scores: Scores) -> dict[str, Any]:
    """For each AU and each of its emotions: faces, AUC against neutral and against all others."""
    found: dict[str, Any] = {}
    for au in sorted(scores):
        by_label = {label: np.array(values) for label, values in scores[au].items()}
        emotions = {}
        for emotion, weights in PROTOTYPES.items():
            if au in weights and emotion in by_label:
                others = [values for label, values in by_label.items() if label != emotion]
                emotions[emotion] = {
                    "weight": weights[au],
                    "faces": by_label[emotion].size,
                    "against_neutral": auc(by_label[emotion], by_label.get("neutral", np.empty(0))),
                    "against_all_others": auc(by_label[emotion], np.concatenate(others)),
                }
        found[action_unit(au).code] = emotions
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("directory", type=Path, nargs="?", help="DATA_DIR/<dataset>, detected")
    parser.add_argument("--splits", nargs="+", default=["train", "dev", "test"])
    given = parser.parse_args()
    if given.directory is None:
        print(json.dumps({"skipped": "needs a detected dataset: detector_auc.py DATA_DIR/ferplus"}))
        return
    info, scores = collect(given.directory, given.splits)
    measured = {"detector": info and info.model_dump(mode="json"), "aus": table(scores)}
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
