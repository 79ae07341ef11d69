"""How well a trained network does on a split: average precision of boxes, presence of AUs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from tag_plugin.data.face_frame import ImageError, read_face
from tag_plugin.data.rows import Row, Split
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
    scales = {}
    for number, au in enumerate(classes):
        fitted = fit(*seen.decided(number))
        if fitted is not None and fitted[1] >= MIN_AUC and fitted[0].slope > 0:
            scales[au] = fitted[0]
    return scales


def split_score(
    split: Split,
    exported: Exported,
    seen: Answers,
    scales: Mapping[int, Calibration],
    box: Any,  # noqa: ANN401 - ultralytics' metrics
) -> SplitScore:
    """The numbers of a split; `box` holds ultralytics' own box metrics."""
    places = {int(number): place for place, number in enumerate(box.ap_class_index)}
    scores = {}
    for number, au in enumerate(exported.classes):
        place = places.get(number)
        auc, f1 = _presence(seen, number, scales.get(au))
        scores[au] = AuScore(
            faces=exported.faces[split].get(au, 0),
            ap50=None if place is None else _rounded(box.ap50[place]),
            ap=None if place is None else _rounded(box.ap[place]),
            auc=auc,
            f1=f1,
        )
    return SplitScore(
        images=exported.images[split],
        map50=_rounded(box.map50),
        map=_rounded(box.map),
        aus=scores,
    )


def box_metrics(checkpoint: Path, exported: Exported, split: Split, more: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Ultralytics' own measurement of a checkpoint that this run has written."""
    validated = (
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
    )
    return validated.box


def _faces(
    directory: Path, rows: Path, classes: tuple[int, ...]
) -> Iterator[tuple[FaceImage, NDArray[np.float64]]]:
    for row in tracked_rows(rows, f"measuring {rows.stem}"):
        if row.detections is None:
            continue
        try:
            yield read_face(directory / row.image), _truth(row, classes)
        except ImageError:
            continue


def _truth(row: Row, classes: tuple[int, ...]) -> NDArray[np.float64]:
    assert row.detections is not None and row.detector is not None  # noqa: S101 - the caller checked
    on = {detection.au for detection in present(row)}
    unknown = row.detections.undecided(row.detector.thresholds)
    decided = row.detections.supported - unknown
    return np.array([float(au in on) if au in decided else np.nan for au in classes])


def _presence(
    seen: Answers, number: int, scale: Calibration | None
) -> tuple[float | None, float | None]:
    """AUC and F1; None where the faces, or the missing scale, cannot tell."""
    confidences, present = seen.decided(number)
    if present.all() or not present.any():
        return None, None
    auc = _rounded(roc_auc_score(present, confidences))
    if scale is None:
        return auc, None
    claimed = apply(confidences[:, None], [scale])[:, 0] >= 0.5
    return auc, _rounded(f1_score(present, claimed, zero_division=0.0))


def _rounded(value: float) -> float:
    return round(float(value), 4)
