"""MediaPipe's FaceLandmarker: 478 landmarks, which our heads read, and its own 52 blendshapes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.detectors.base import (
    FaceImage,
    ImageDetector,
    ReadImage,
    checked_frame,
    detections_in_frame,
    library,
)
from tag_plugin.detectors.blendshapes import (
    LIP_GAP,
    MAP_VERSION,
    SUPPORTED,
    lip_gap,
    probabilities,
)
from tag_plugin.detectors.face_landmarker_model import SHA256, find_model
from tag_plugin.detectors.heads import READING, load_heads
from tag_plugin.detectors.kept_meshes import keep_mesh, mesh_file
from tag_plugin.detectors.padding import PADDINGS, border_of, padded
from tag_plugin.detectors.quiet import quiet_stderr
from tag_plugin.detectors.regions import region_boxes
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.facs.detections import Detections, Thresholds


class MediapipeDetector(ImageDetector):
    """AUs and boxes of one face. Close it: `with MediapipeDetector() as detector: ...`.

    Args:
        model: path of face_landmarker.task; found or downloaded when None.
        heads: a file of `tag-plugin detector fit`; "none" for the blendshapes alone; when None the
            heads that come with the package.
        thresholds: recorded with every row; probabilities are calibrated for the default ones.

    Raises:
        DetectorError: mediapipe or its model is missing; the message says the next command.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        heads: str | Path | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        path = find_model(Path(model) if model else None)
        self._mediapipe = library("mediapipe", "mediapipe")
        self._landmarker = _landmarker(self._mediapipe, path)
        self._heads, evidence = None, f"map{MAP_VERSION}"
        if heads != "none":
            self._heads, digest = load_heads(Path(heads) if heads else None)
            evidence = f"heads{READING}-{digest}"
        self.supported = SUPPORTED if self._heads is None else frozenset(self._heads.heads)
        self.info = DetectorInfo(
            name="mediapipe",
            version=f"{self._mediapipe.__version__}+{evidence}",
            model_sha256=SHA256,
            thresholds=thresholds or Thresholds(),
        )

    def detect(self, image: FaceImage) -> Detections | None:
        """The AUs of the face in a (448, 448, 3) RGB image, or None: no face.

        Raises:
            ValueError: the image has another shape or type.
        """
        face = self.face(image)
        return None if face is None else self._detections(*face)

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The AUs of this row's image; its mesh is kept for `tag-plugin detector fit`."""
        face = self.face(read())
        if face is None:
            return None
        if self.keep is not None:
            keep_mesh(mesh_file(self.keep, row.image), *face)
        return self._detections(*face)

    def _detections(
        self, points: NDArray[np.float64], blendshapes: Mapping[str, float]
    ) -> Detections:
        if self._heads is None:
            measured = probabilities({**blendshapes, LIP_GAP: lip_gap(points)})
            return detections_in_frame(measured, region_boxes(points[:, :2]))
        aus = self._heads.measure(points, blendshapes)
        sides = {au: each.side for au, each in aus.items() if each.side is not None}
        return detections_in_frame(
            {au: each.probability for au, each in aus.items()},
            region_boxes(points[:, :2], sides),
            sides,
        )

    def face(self, image: FaceImage) -> tuple[NDArray[np.float64], dict[str, float]] | None:
        """The mesh (478, 3) in shares of the image and the blendshapes by name, or None: no face.

        Raises:
            ValueError: the image has another shape or type.
        """
        checked_frame(image)
        for padding in PADDINGS:
            if (face := self._landmarks(image, border_of(padding))) is not None:
                return face
        return None

    def close(self) -> None:
        """Release the model."""
        self._landmarker.close()

    def _landmarks(
        self, image: FaceImage, border: int
    ) -> tuple[NDArray[np.float64], dict[str, float]] | None:
        """The mesh (478, 3) in shares of the unpadded image, and the blendshapes by name."""
        picture = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=padded(image, border)
        )
        result = self._landmarker.detect(picture)
        if not result.face_landmarks or not result.face_blendshapes:
            return None
        points = np.array([(point.x, point.y, point.z) for point in result.face_landmarks[0]])
        points *= (FACE_FRAME + 2 * border) / FACE_FRAME
        points[:, :2] -= border / FACE_FRAME
        return points, {shape.category_name: shape.score for shape in result.face_blendshapes[0]}


def _landmarker(mediapipe: Any, model: Path) -> Any:  # noqa: ANN401 - modules without types
    tasks = mediapipe.tasks
    options = tasks.vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=model.read_bytes()),
        num_faces=1,
        output_face_blendshapes=True,
    )
    with quiet_stderr():
        landmarker = tasks.vision.FaceLandmarker.create_from_options(options)
        blank = np.zeros((64, 64, 3), dtype=np.uint8)  # the first call logs as well
        landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=blank))
    return landmarker
