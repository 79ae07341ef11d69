"""Photographed faces for the base: a data set's own face frames, turned, moved and lit anew."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tag_plugin.data.face_frame import read_face
from tag_plugin.data.rows import read_rows
from tag_plugin.data.synthetic.render import Picture
from tag_plugin.detectors.kept_meshes import kept_faces, mesh_file
from tag_plugin.detectors.mesh import align, frontal_reference, mirrored
from tag_plugin.detectors.regions import region_boxes
from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME, Box
from tag_plugin.tiny.faces import Faces, View, to_patches

POINTS: Final = 96
"""So many points of the mesh are to be found, evenly chosen."""
_TURN, _GROWTH, _SHIFT = 12.0, 0.15, 0.06
"""A view is turned by up to so many degrees, scaled and shifted by up to so much of the frame."""
_CONTRAST, _LIGHT = 0.3, 25.0
_EVERYWHERE: Final = Box(0, 0, BOX_SCALE, BOX_SCALE)


class _Placed(NamedTuple):
    """A view without its pixels: which face, in a mirror or not, moved how, its light."""

    face: int
    mirrored: bool
    matrix: NDArray[np.float64]
    mesh: NDArray[np.float64]
    gain: float
    light: float


class PhotographedFaces(Faces):
    """Views of the faces of DATA_DIR/<dataset> whose meshes `detect` kept; no label is read.

    Args:
        directory: DATA_DIR/<dataset>.
        seed: of the views.

    Raises:
        DetectorError: no rows or no meshes; the message says the next command.
    """

    def __init__(self, directory: Path, seed: int) -> None:
        self.seed = seed
        rows = read_rows(directory / "detected" / "train.jsonl")
        faces = kept_faces(directory, "train")
        self._images = [
            directory / row.image
            for row in rows
            if row.detections is not None and mesh_file(directory, row.image).is_file()
        ]
        reference, self._mirror = frontal_reference(faces.meshes)
        self._meshes = faces.meshes[:, :, :2].astype(np.float32)
        aligned = align(faces.meshes, reference).points
        flipped = mirrored(aligned, self._mirror)
        self._forms = np.stack([aligned, flipped]).astype(np.float32).reshape(2, len(aligned), -1)
        self._chosen = np.linspace(0, len(reference) - 1, POINTS).astype(int)

    def view(self, index: int) -> View:
        """One of the faces, as a camera held otherwise would have seen it."""
        placed = self._placed(index)
        picture = read_face(self._images[placed.face])
        if placed.mirrored:
            picture = np.ascontiguousarray(picture[:, ::-1])
        size = (FACE_FRAME, FACE_FRAME)
        border = cv2.BORDER_REPLICATE
        moved = cv2.warpAffine(picture, placed.matrix, size, borderMode=border)
        lit: Picture = cv2.convertScaleAbs(moved, alpha=placed.gain, beta=placed.light)
        points = placed.mesh[self._chosen].astype(np.float32)
        return View(to_patches(lit), points, self._form(placed))

    def form(self, index: int) -> NDArray[np.float32]:
        """The aligned mesh of the view's face."""
        return self._form(self._placed(index))

    def boxes(self, index: int, aus: Sequence[int]) -> list[Box]:
        """Where the mesh has these regions; the whole frame for one that lies outside of it."""
        boxes = region_boxes(self._placed(index).mesh)
        return [boxes.get(au, _EVERYWHERE) for au in aus]

    def _form(self, placed: _Placed) -> NDArray[np.float32]:
        form: NDArray[np.float32] = self._forms[int(placed.mirrored), placed.face]
        return form

    def _placed(self, index: int) -> _Placed:
        draw = np.random.default_rng((self.seed, index))
        face, flip = int(draw.integers(len(self._images))), bool(draw.integers(2))
        angle, growth = draw.uniform(-_TURN, _TURN), 1 + draw.uniform(-_GROWTH, _GROWTH)
        matrix = cv2.getRotationMatrix2D((FACE_FRAME / 2, FACE_FRAME / 2), angle, growth)
        matrix[:, 2] += draw.uniform(-_SHIFT, _SHIFT, 2) * FACE_FRAME
        mesh = self._meshes[face].astype(np.float64)
        if flip:
            mesh = mesh[self._mirror] * [-1, 1] + [1, 0]
        moved = mesh @ matrix[:, :2].T + matrix[:, 2] / FACE_FRAME
        gain, light = 1 + draw.uniform(-_CONTRAST, _CONTRAST), draw.uniform(-_LIGHT, _LIGHT)
        return _Placed(face, flip, matrix, moved, gain, light)
