"""Faces as training material of the base: pictures, and where the parts of each face are.

Nothing here says which Action Units act or what anybody feels. What is learnt is geometry: where
points of the face lie in the frame, and how the face is shaped once its pose is taken away.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from tag_plugin.data.synthetic.face import SyntheticFace
from tag_plugin.data.synthetic.geometry import FaceShape, project, shape
from tag_plugin.data.synthetic.regions import au_boxes, au_regions
from tag_plugin.data.synthetic.render import Picture, render
from tag_plugin.data.synthetic.sampling import sample_face
from tag_plugin.facs.boxes import FACE_FRAME, Box
from tag_plugin.tiny.architecture import MERGE, PATCH

PRETRAINING_SEED: Final = 1_000_003
"""Far from the seeds of any data set: the base never sees a drawn face of one."""

SHAPES: Final = 48
"""So many principal components describe the shape of a face."""
_MEASURED: Final = 2_000
"""Faces from which the components are taken."""


class View(NamedTuple):
    """One face: patches (256, 2352) in 0..255, points (p, 2) in frames, shape (d,) without pose."""

    patches: NDArray[np.uint8]
    points: NDArray[np.float32]
    shape: NDArray[np.float32]


class FaceBatch(NamedTuple):
    """A batch: patches (n, 256, 2352), points (n, p, 2), shape (n, SHAPES) of unit variance."""

    patches: Tensor
    points: Tensor
    shape: Tensor


class Faces(ABC):
    """A source of faces without end; the same number is always the same face."""

    @abstractmethod
    def view(self, index: int) -> View:
        """The picture of a face, and where its points are."""

    @abstractmethod
    def form(self, index: int) -> NDArray[np.float32]:
        """Its shape alone, (d,): what `view` gives, without the work for the picture."""

    @abstractmethod
    def boxes(self, index: int, aus: Sequence[int]) -> list[Box]:
        """Where the regions of these AUs lie, whether they act or not."""

    @property
    def points(self) -> int:
        """How many points a view has."""
        return len(self.view(0).points)


class DrawnFaces(Faces):
    """Procedural faces of one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def view(self, index: int) -> View:
        """The drawing; its points are those that its curves go through."""
        face = sample_face(self.seed, index)
        points = project(_curve_points(shape(face)), face.pose) / FACE_FRAME
        return View(to_patches(render(face)), points.astype(np.float32), _drawn_form(face))

    def form(self, index: int) -> NDArray[np.float32]:
        """The same points in face units."""
        return _drawn_form(sample_face(self.seed, index))

    def boxes(self, index: int, aus: Sequence[int]) -> list[Box]:
        """The exact boxes of the drawing."""
        face = sample_face(self.seed, index)
        regions = au_regions(shape(face))
        return au_boxes(face, [regions[au] for au in aus])


def _drawn_form(face: SyntheticFace) -> NDArray[np.float32]:
    return _curve_points(shape(face)).astype(np.float32).ravel()


def _curve_points(form: FaceShape) -> NDArray[np.float64]:
    curves = [form.outline, form.nose_bridge, form.nose_base, form.upper_lip, form.mouth_top]
    curves += [form.mouth_bottom, form.lower_lip, *form.brows, *form.upper_lids, *form.lower_lids]
    return np.vstack(curves)


class Components(NamedTuple):
    """Principal components of shapes: `mean` (d,), and `whitening` (d, SHAPES) to variance 1."""

    mean: NDArray[np.float32]
    whitening: NDArray[np.float32]

    @classmethod
    def of(cls, faces: Faces, measured: int = _MEASURED) -> "Components":
        """Those of a source's first faces."""
        forms = np.stack([faces.form(index) for index in range(measured)])
        mean = forms.mean(axis=0)
        _, stretch, axes = np.linalg.svd(forms - mean, full_matrices=False)
        scale = np.sqrt(measured) / np.maximum(stretch[:SHAPES, None], 1e-4 * stretch[0])
        return cls(mean, (axes[:SHAPES] * scale).T.astype(np.float32))

    def __call__(self, form: NDArray[np.float32]) -> NDArray[np.float32]:
        """(d,) -> (SHAPES,)."""
        return np.asarray((form - self.mean) @ self.whitening, dtype=np.float32)


def to_patches(picture: Picture) -> NDArray[np.uint8]:
    """A face frame as its processor lays it out: (patches, values), merged patches together."""
    side = FACE_FRAME // (PATCH * MERGE)
    split = picture.reshape(side, MERGE, PATCH, side, MERGE, PATCH, 3)
    return split.transpose(0, 3, 1, 4, 6, 2, 5).reshape((side * MERGE) ** 2, -1)


def normalised(patches: Tensor) -> Tensor:
    """Pixel values 0..255 as the processor hands them to the model, -1..1."""
    return patches.float() / 127.5 - 1


def face_batches(
    faces: Faces, components: Components, count: int, size: int, workers: int
) -> "DataLoader[FaceBatch]":
    """The first `count` faces of a source in batches, made in `workers` other processes."""
    return DataLoader(
        _Views(faces, components, count),
        batch_size=size,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        collate_fn=_collate,
    )


class _Views(IterableDataset[Any]):  # type: ignore[misc]  # torch comes without types here
    def __init__(self, faces: Faces, components: Components, count: int) -> None:
        self.faces = faces
        self.components = components
        self.count = count

    def __iter__(self) -> Iterator[View]:
        cv2.setNumThreads(1)
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for index in range(first, self.count, step):
            view = self.faces.view(index)
            yield view._replace(shape=self.components(view.shape))


def _collate(views: Sequence[View]) -> FaceBatch:
    return FaceBatch(*(torch.from_numpy(np.stack(column)) for column in zip(*views, strict=True)))
