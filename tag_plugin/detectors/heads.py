"""AU probabilities from the face mesh: a linear head for each AU on the points of its own region.

A head reads one half of the aligned mesh at a time, the left one mirrored, so that a face and its
mirror image get the same probabilities, with the sides swapped. `heads.json` holds the ones that
come with the package; `tag-plugin detector fit` makes others. Plain numbers, no pixels.
"""

import hashlib
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from tag_plugin.data.model_error import first_problem
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.mesh import Aligned, Points, align, mirrored
from tag_plugin.facs.detections import KnownUnit, Side
from tag_plugin.facs.frozen import Frozen

MESH_POINTS: Final = 478
UNILATERAL: Final = frozenset({12, 14})
"""AUs of which one side alone is a sign of its own (contempt): that side's score counts then."""
_POSE: Final = 4
_ON, _GREY = 0.5, 0.3

MeshPoint = Annotated[int, Field(ge=0, lt=MESH_POINTS)]


class Head(Frozen, allow_inf_nan=False):
    """One AU's linear head.

    Attributes:
        points: of the person's right half and the middle; the mirrored ones serve the left half.
        weights: three for each point (x, y, z off the reference, in eye distances).
        blendshape: MediaPipe's own score that is added with `blendshape_weight`, without its side.
        pose: weights of |yaw|, yaw squared, pitch and pitch squared, in radians.
        curve: rising (score, probability) points, linear in between.
        turn: how much farther right than left the score lies for each radian of yaw.
        gap: sides farther apart than this, and farther than 99 % of neutral faces, differ.
    """

    points: tuple[MeshPoint, ...]
    weights: tuple[float, ...]
    blendshape: str | None = None
    blendshape_weight: float = 0.0
    pose: Annotated[tuple[float, ...], Field(min_length=_POSE, max_length=_POSE)]
    bias: float
    curve: Annotated[tuple[tuple[float, float], ...], Field(min_length=2)]
    turn: float
    gap: float

    @model_validator(mode="after")
    def _sound(self) -> "Head":
        if len(self.weights) != 3 * len(self.points):
            raise ValueError(f"{len(self.weights)} weights for {len(self.points)} points")
        if any(np.diff(np.array(self.curve), axis=0).min(axis=0) < (1e-9, 0)):
            raise ValueError("the curve does not rise")
        return self

    def probability(self, score: float) -> float:
        """The probability of a score, to three decimals."""
        places, values = np.transpose(self.curve)
        return round(float(np.interp(score, places, values)), 3)


class Measured(NamedTuple):
    """One AU on one face: its probability, and its side where only one side is on."""

    probability: float
    side: Side | None = None


class Heads(Frozen, allow_inf_nan=False):
    """The heads, the frontal mesh that they measure from, and where they come from.

    Attributes:
        version: of this file's form.
        reference: the mean neutral mesh, (478, 3); see `detectors.mesh`.
        mirror: for each point the number of the one on the other side.
        heads: by AU.
        card: what they were fitted on and how well they do, for a reader.
    """

    version: Literal[1] = 1
    reference: Annotated[
        tuple[tuple[float, float, float], ...],
        Field(min_length=MESH_POINTS, max_length=MESH_POINTS),
    ]
    mirror: Annotated[tuple[MeshPoint, ...], Field(min_length=MESH_POINTS, max_length=MESH_POINTS)]
    heads: Annotated[Mapping[KnownUnit, Head], Field(min_length=1)]
    card: Mapping[str, Any] = {}

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
        """The reference, the mirror and (AUs, 478 x 3) weights."""
        weights = np.zeros((len(self.heads), MESH_POINTS, 3))
        for each, head in zip(weights, self.heads.values(), strict=True):
            each[list(head.points)] = np.reshape(head.weights, (-1, 3))
        return (
            np.array(self.reference),
            np.array(self.mirror, dtype=np.intp),
            weights.reshape(len(weights), -1),
        )

    def scores(self, meshes: Points, blendshapes: Mapping[str, NDArray[np.float64]]) -> Points:
        """The score of each half: (2, faces, AUs), the person's right first.

        Args:
            meshes: (faces, 478, 3), in shares of the picture.
            blendshapes: MediaPipe's scores by name, (faces,) each.
        """
        reference, mirror, weights = self._arrays
        aligned = align(meshes, reference)
        halves = np.stack([aligned.points, mirrored(aligned.points, mirror)]) - reference
        scores = halves.reshape(2, len(meshes), -1) @ weights.T + pose_of(aligned) @ np.transpose(
            [head.pose for head in self.heads.values()]
        )
        for column, head in enumerate(self.heads.values()):
            scores[:, :, column] += head.bias
            if head.blendshape is not None:
                scores[:, :, column] += head.blendshape_weight * both_sides(
                    head.blendshape, blendshapes
                )
        scores[0] -= aligned.yaw[:, None] * [head.turn / 2 for head in self.heads.values()]
        scores[1] += aligned.yaw[:, None] * [head.turn / 2 for head in self.heads.values()]
        return np.asarray(scores)

    def measure(
        self, mesh: NDArray[np.float64], blendshapes: Mapping[str, float]
    ) -> dict[int, Measured]:
        """Every AU of one face: AU -> probability and side.

        Args:
            mesh: (478, 3), in shares of the picture.
            blendshapes: MediaPipe's scores by name.
        """
        named = {name: np.array([score]) for name, score in blendshapes.items()}
        right, left = self.scores(mesh[None], named)[:, 0]
        return {
            au: measured(au, head, float(r), float(s))
            for (au, head), r, s in zip(self.heads.items(), right, left, strict=True)
        }


def measured(au: int, head: Head, right: float, left: float) -> Measured:
    """One AU from the scores of its two halves."""
    side: Side = "right" if right > left else "left"
    weaker, stronger = sorted((right, left))
    one_sided = stronger - weaker > head.gap and head.probability(weaker) < _GREY
    score = stronger if one_sided and au in UNILATERAL else (right + left) / 2
    probability = head.probability(score)
    return Measured(probability, side if one_sided and probability >= _ON else None)


def pose_of(aligned: Aligned) -> NDArray[np.float64]:
    """(faces, 4): |yaw|, yaw squared, pitch, pitch squared."""
    yaw, pitch = np.abs(aligned.yaw), aligned.pitch
    return np.stack([yaw, yaw**2, pitch, pitch**2], axis=1)


def both_sides(name: str, blendshapes: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """A blendshape of the right and of the left half, (2, faces); one in the middle serves both."""
    sides = (name, name) if name in blendshapes else (f"{name}Right", f"{name}Left")
    return np.stack([blendshapes[side] for side in sides])


def load_heads(path: Path | None = None) -> tuple[Heads, str]:
    """The heads of a file, or those that come with the package, and the file's short digest.

    Raises:
        DetectorError: no such file, or not one that `tag-plugin detector fit` wrote.
    """
    return _packaged() if path is None else _read(path)


@cache
def _packaged() -> tuple[Heads, str]:
    return _parsed(files("tag_plugin.detectors").joinpath("heads.json").read_bytes())


def _read(path: Path) -> tuple[Heads, str]:
    try:
        return _parsed(path.read_bytes())
    except (OSError, ValidationError) as error:
        problem = first_problem(error) if isinstance(error, ValidationError) else error.strerror
        raise DetectorError(
            f"{path}: no heads ({problem}); next: tag-plugin detector fit DATA/<dataset>, or "
            "--option heads=none for MediaPipe's own blendshapes"
        ) from None


def _parsed(content: bytes) -> tuple[Heads, str]:
    return Heads.model_validate_json(content), hashlib.sha256(content).hexdigest()[:8]
