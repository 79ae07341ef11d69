"""Faces as training material of the base: patches, AU probabilities and boxes."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.render import Picture, render
from tag_plugin.data.synthetic.sampling import sample_face
from tag_plugin.facs.boxes import BOX_SCALE, FACE_FRAME
from tag_plugin.tiny.architecture import MERGE, PATCH

PRETRAINING_SEED: Final = 1_000_003
"""Far from the seeds of any data set: the base never sees a face of one."""


class FaceBatch(NamedTuple):
    """A batch: patches (n, 256, 2352) in 0..255, probabilities (n, aus), boxes (n, aus, 4)."""

    patches: Tensor
    probabilities: Tensor
    boxes: Tensor


def to_patches(picture: Picture) -> NDArray[np.uint8]:
    """A face frame as its processor lays it out: (patches, values), merged patches together."""
    side = FACE_FRAME // (PATCH * MERGE)
    split = picture.reshape(side, MERGE, PATCH, side, MERGE, PATCH, 3)
    return split.transpose(0, 3, 1, 4, 6, 2, 5).reshape((side * MERGE) ** 2, -1)


def normalised(patches: Tensor) -> Tensor:
    """Pixel values 0..255 as the processor hands them to the model, -1..1."""
    return patches.float() / 127.5 - 1


def face_batches(seed: int, count: int, size: int, workers: int) -> "DataLoader[FaceBatch]":
    """The first `count` faces of a seed in batches, drawn in `workers` other processes."""
    return DataLoader(
        _Faces(seed, count),
        batch_size=size,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        collate_fn=_collate,
    )


class _Faces(IterableDataset[Any]):  # type: ignore[misc]  # torch comes without types here
    def __init__(self, seed: int, count: int) -> None:
        self.seed = seed
        self.count = count

    def __iter__(self) -> Iterator[tuple[NDArray[Any], ...]]:
        cv2.setNumThreads(1)
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for index in range(first, self.count, step):
            face = sample_face(self.seed, index)
            units = detections(face).detections
            yield (
                to_patches(render(face)),
                np.array([au.probability for au in units], dtype=np.float32),
                np.array([au.box.as_tuple() for au in units], dtype=np.float32) / BOX_SCALE,
            )


def _collate(samples: list[tuple[NDArray[Any], ...]]) -> FaceBatch:
    return FaceBatch(*(torch.from_numpy(np.stack(column)) for column in zip(*samples, strict=True)))
