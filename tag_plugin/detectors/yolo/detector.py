"""A trained YOLO as a detector: for every AU its best place and how probable it is."""

from collections.abc import Sequence
from multiprocessing import parent_process
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.rows import DetectorInfo
from tag_plugin.detectors.base import (
    BatchDetector,
    DetectorError,
    FaceImage,
    boxes_in_frame,
    checked_frame,
    detections_in_frame,
    library,
)
from tag_plugin.detectors.yolo.calibration import apply
from tag_plugin.detectors.yolo.library import ultralytics
from tag_plugin.detectors.yolo.weights import load
from tag_plugin.facs.detections import Detections, Thresholds


class YoloDetector(BatchDetector):
    """AUs and boxes by one pass of an ultralytics network.

    An AU has one place on a face: the most confident prediction of its class, so that nothing is
    left for a non-maximum suppression. A picture without a face is not noticed.

    Args:
        weights: a folder that `tag-plugin detector train` wrote, or an ultralytics `.pt` file.
        device: "cpu", "cuda", "cuda:1"; the GPU when there is one, if None.
        batch_size: images in one pass.
        sha256: what the weights file must hash to.
        thresholds: recorded with every row.

    Raises:
        DetectorError: ultralytics or the weights are missing or not the expected ones.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        device: str | None = None,
        batch_size: int | str = 32,
        sha256: str | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        if weights is None:
            raise DetectorError(
                "the yolo detector needs weights; next: tag-plugin detector train DATASET --out "
                "FOLDER, then --option weights=FOLDER"
            )
        self._torch = library("torch", "yolo")
        if parent_process() is not None:  # one of several workers: they share the cores
            self._torch.set_num_threads(1)
        best = "cuda" if self._torch.cuda.is_available() else "cpu"
        self._device = self._torch.device(device or best)
        self._network = load(Path(weights), sha256)
        self._network.model.to(self._device)
        self.batch_size = int(batch_size)
        self.supported = frozenset(self._network.calibration)
        self.info = DetectorInfo(
            name="yolo",
            version=ultralytics().__version__,
            model_sha256=self._network.sha256,
            thresholds=thresholds or Thresholds(),
        )

    def detect_batch(self, images: Sequence[FaceImage]) -> list[Detections | None]:
        """The AUs of each (448, 448, 3) RGB image.

        Raises:
            ValueError: an image has another shape or type.
        """
        if not images:
            return []
        confidences, boxes = self.best_places(images)
        scales = self._network.calibration
        columns = [self._network.classes.index(au) for au in scales]
        probabilities = apply(confidences[:, columns], list(scales.values()))
        return [
            _detections(tuple(scales), probability, box)
            for probability, box in zip(probabilities, boxes[:, columns], strict=True)
        ]

    def best_places(
        self, images: Sequence[FaceImage]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The raw confidence (faces, classes) and box (faces, classes, 4) of every class.

        Boxes are x1, y1, x2, y2 in shares of the image.
        """
        side = self._network.image_size
        pixels = np.stack([_resized(checked_frame(image), side) for image in images])
        batch = self._torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2) / 255
        with self._torch.inference_mode():
            dense = self._network.model(batch)[0].float().cpu().numpy()
        scores = dense[:, 4:]  # (faces, classes, places)
        best = scores.argmax(axis=2)
        confidences = np.take_along_axis(scores, best[:, :, None], axis=2)[:, :, 0]
        places = np.take_along_axis(dense[:, :4], best[:, None, :], axis=2)  # x, y, width, height
        centre, half = places[:, :2], places[:, 2:] / 2
        corners = np.concatenate([centre - half, centre + half], axis=1).transpose(0, 2, 1) / side
        return confidences.astype(np.float64), corners.astype(np.float64)


def _resized(image: FaceImage, side: int) -> NDArray[np.uint8]:
    """As ultralytics' own validation resizes a square image."""
    method = cv2.INTER_AREA if side < image.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=method), dtype=np.uint8)


def _detections(
    aus: Sequence[int], probabilities: NDArray[np.float64], corners: NDArray[np.float64]
) -> Detections:
    """The AUs of one face; one of whose box nothing lies inside the frame is absent."""
    measured = dict(zip(aus, probabilities.tolist(), strict=True))
    seen = detections_in_frame(measured, boxes_in_frame(aus, corners))
    return Detections(detections=seen.detections, supported=frozenset(aus))
