"""py-feat's Detectorv2 (MIT): AU probabilities of a trained network, boxes from its face mesh.

RetinaFace finds the face, a multi-task network gives the probabilities of 20 AUs (18 of ours,
AU6, AU9, AU11, AU14 and AU23 among them) and the 478 points of MediaPipe's mesh, so the AU regions
are the same as the MediaPipe detector's. Both networks are safetensors files from the Hugging Face
hub, fetched at first use into py-feat's own folder. Its older detectors read pickles and are not
used.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from tag_plugin.data.rows import DetectorInfo
from tag_plugin.detectors.base import (
    BatchDetector,
    DetectorError,
    FaceImage,
    checked_frame,
    detections_in_frame,
    file_sha256,
    library,
)
from tag_plugin.detectors.heads import MESH_POINTS
from tag_plugin.detectors.padding import PADDINGS, border_of, padded
from tag_plugin.detectors.regions import region_boxes
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.facs.detections import Detections, Thresholds

_HELP = (
    "next: run it once with internet access, or copy that machine's folder feat/resources (it "
    "holds models--py-feat--retinaface_r34 and models--py-feat--face_multitask_v2)"
)


class PyFeatDetector(BatchDetector):
    """AUs and boxes of the largest face in an image.

    Args:
        weights: the multi-task network as .safetensors; py-feat's own when None.
        device: "cpu", "cuda" or "mps"; "auto" takes the best.
        batch_size: images in one pass.
        thresholds: recorded with every row.

    Raises:
        DetectorError: py-feat or its networks are missing; the message says the next command.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        device: str = "auto",
        batch_size: int | str = 16,
        thresholds: Thresholds | None = None,
    ) -> None:
        with _gradients_kept():
            feat = library("feat", "pyfeat")
            path = _weights(Path(weights) if weights else None)
            self._detector = _opened(feat, path, device)
        self.batch_size = int(batch_size)
        named = {int(name[2:]): name for name in self._detector.multitask.au_names}
        self._columns = {au: name for au, name in named.items() if au in ACTION_UNITS}
        self.supported = frozenset(self._columns)
        self.info = DetectorInfo(
            name="pyfeat",
            version=f"{feat.__version__}+{path.stem}",
            model_sha256=file_sha256(path),
            thresholds=thresholds or Thresholds(),
        )

    def detect_batch(self, images: Sequence[FaceImage]) -> list[Detections | None]:
        """The AUs of the largest face in each (448, 448, 3) RGB image; None: no face.

        Raises:
            ValueError: an image has another shape or type.
        """
        frames = [checked_frame(image) for image in images]
        faces: list[Detections | None] = [None] * len(frames)
        for padding in PADDINGS:
            if missing := [
                frame for frame, face in zip(frames, faces, strict=True) if face is None
            ]:
                tried = iter(self._faces(missing, border_of(padding)))
                faces = [next(tried) if face is None else face for face in faces]
        return faces

    def _faces(self, images: Sequence[FaceImage], border: int) -> list[Detections | None]:
        import torch

        pixels = np.stack([padded(image, border) for image in images])
        with _gradients_kept():
            faces = self._detector.detect(
                torch.from_numpy(pixels).permute(0, 3, 1, 2),
                data_type="tensor",
                batch_size=self.batch_size,
                progress_bar=False,
            )
        sized = faces.assign(area=faces["FaceRectWidth"] * faces["FaceRectHeight"])
        by_size = sized.dropna(subset="area").sort_values(["area", "FaceRectX", "FaceRectY"])
        largest = by_size.groupby("frame").last()
        return [
            self._detections(largest.loc[number], border) if number in largest.index else None
            for number in range(len(images))
        ]

    def _detections(self, face: Any, border: int) -> Detections:  # noqa: ANN401 - a pandas row
        axes = [[face[f"mesh_{axis}_{n}"] for n in range(MESH_POINTS)] for axis in "xy"]
        points = (np.array(axes, dtype=float).T - border) / FACE_FRAME
        measured = {au: round(float(face[column]), 3) for au, column in self._columns.items()}
        return detections_in_frame(measured, region_boxes(points))


def _gradients_kept() -> AbstractContextManager[Any]:
    """py-feat turns gradients off for the whole process, which would end a training beside it."""
    import torch

    kept: AbstractContextManager[Any] = torch.set_grad_enabled(torch.is_grad_enabled())
    return kept


def _weights(given: Path | None) -> Path:
    """A safetensors file: it holds numbers and nothing that could run."""
    if given is not None:
        if given.suffix != ".safetensors" or not given.is_file():
            raise DetectorError(
                f"{given}: no .safetensors file; py-feat's older .pt files are pickles and are "
                f"not read; {_HELP}"
            )
        return given
    from feat.multitask.inference import HF_REPO, HF_WEIGHTS_FILE
    from feat.utils.io import get_resource_path
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(HF_REPO, HF_WEIGHTS_FILE, cache_dir=get_resource_path()))
    except Exception as error:  # the hub's client raises its own, httpx's and requests' errors
        raise DetectorError(
            f"py-feat's network {HF_REPO} is not on this machine and cannot be downloaded "
            f"({type(error).__name__}); {_HELP}"
        ) from error


def _opened(feat: Any, weights: Path, device: str) -> Any:  # noqa: ANN401 - modules without types
    try:
        return feat.Detectorv2(device=device, identity_model=None, multitask_weights=str(weights))
    except Exception as error:  # as above, for its face detector's network
        raise DetectorError(
            f"py-feat cannot be opened ({type(error).__name__}: {str(error)[:200]}); {_HELP}"
        ) from error
