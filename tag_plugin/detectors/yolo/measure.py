"""How well a trained network does on a split: average precision of boxes, presence of AUs."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from tag_plugin.data.face_frame import ImageError, read_face
from tag_plugin.data.rows import Split
from tag_plugin.detectors.base import FaceImage
from tag_plugin.detectors.yolo.calibration import MIN_AUC, Calibration, apply, fit
from tag_plugin.detectors.yolo.card import AuScore, SplitScore
from tag_plugin.detectors.yolo.dataset import ULTRALYTICS_SPLITS, Exported, present, tracked_rows
from tag_plugin.detectors.yolo.detector import YoloDetector
from tag_plugin.detectors.yolo.library import ultralytics


@dataclass(frozen=True, slots=True)
class Answers:
    """What a network said about the faces of a split, beside the labels.

    Attributes:
        confidences: (faces, classes), raw.
        present: (faces, classes): 1 the AU is on, 0 it is off, nan undecided or unsupported.
    """

    confidences: NDArray[np.float64]
    present: NDArray[np.float64]

    def decided(self, number: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Confidence and label of one class, over the faces whose label is decided."""
        labelled = ~np.isnan(self.present[:, number])
        return self.confidences[labelled, number], self.present[labelled, number].astype(bool)


def answers(
    detector: YoloDetector, directory: Path, rows: Path, classes: tuple[int, ...]
) -> Answers:
    """Run the network over the faces of a file of detected rows; unreadable images are left out."""
    confidences, labels = [np.empty((0, len(classes)))], [np.empty((0, len(classes)))]
    usable = _faces(directory, rows, classes)
    while batch := list(islice(usable, detector.batch_size)):
        images, truth = zip(*batch, strict=True)
        confidences.append(detector.best_places(images)[0])
        labels.append(np.stack(truth))
    return Answers(np.concatenate(confidences), np.concatenate(labels))


def calibrations(seen: Answers, classes: tuple[int, ...]) -> dict[int, Calibration]:
    """The scale of every AU that the network can tell: AUC of at least `MIN_AUC`."""
    fitted = {au: fit(*seen.decided(number)) for number, au in enumerate(classes)}
    return {
        au: found[0]
        for au, found in fitted.items()
        if found is not None and found[1] >= MIN_AUC and found[0].slope > 0
    }


def split_score(
    split: Split,
    exported: Exported,
    seen: Answers,
    scales: Mapping[int, Calibration],
    box: Any,  # noqa: ANN401 - ultralytics' metrics
) -> SplitScore:
    """The numbers of a split; `box` holds ultralytics' own box metrics."""
    precisions = zip(map(int, box.ap_class_index), box.ap50, box.ap, strict=True)
    by_number = {n: {"ap50": _rounded(ap50), "ap": _rounded(ap)} for n, ap50, ap in precisions}
    return SplitScore(
        images=exported.images[split],
        map50=_rounded(box.map50),
        map=_rounded(box.map),
        aus={
            au: AuScore(
                faces=exported.faces[split].get(au, 0),
                **by_number.get(number, {}),
                **_presence(seen, number, scales.get(au)),
            )
            for number, au in enumerate(exported.classes)
        },
    )


def box_metrics(checkpoint: Path, exported: Exported, split: Split, more: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Ultralytics' own measurement of a checkpoint that this run has written."""
    return (
        ultralytics()
        .YOLO(checkpoint)
        .val(
            data=str(exported.data_yaml),
            split=ULTRALYTICS_SPLITS[split],
            plots=False,
            project=str(checkpoint.parents[1]),
            name=f"measured_{split}",
            **more,
        )
        .box
    )


def _faces(
    directory: Path, rows: Path, classes: tuple[int, ...]
) -> Iterator[tuple[FaceImage, NDArray[np.float64]]]:
    for row in tracked_rows(rows, f"measuring {rows.stem}"):
        if row.detections is not None and row.detector is not None:
            decided = row.detections.supported - row.detections.undecided(row.detector.thresholds)
            on = {detection.au for detection in present(row)}
            truth = np.array([float(au in on) if au in decided else np.nan for au in classes])
            with suppress(ImageError):
                yield read_face(directory / row.image), truth


def _presence(seen: Answers, number: int, scale: Calibration | None) -> dict[str, float]:
    """AUC and F1, where the faces and the scale can tell."""
    confidences, present = seen.decided(number)
    if present.all() or not present.any():
        return {}
    scores = {"auc": roc_auc_score(present, confidences)}
    if scale is not None:
        claimed = apply(confidences[:, None], [scale])[:, 0] >= 0.5
        scores["f1"] = f1_score(present, claimed, zero_division=0.0)
    return {name: _rounded(score) for name, score in scores.items()}


def _rounded(value: float) -> float:
    return round(float(value), 4)
