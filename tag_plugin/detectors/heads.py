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

READING: Final = 2
"""Raised when the same heads are read otherwise; 2: no open mouth where the lips are together."""
MESH_POINTS: Final = 478
UNILATERAL: Final = frozenset({12, 14})
"""AUs of which one side alone is a sign of its own (contempt): that side's score counts then."""
MIDDLE: Final = frozenset({25, 26})
"""AUs of the middle of the face: the lips and the jaw have no side."""
OPEN_MOUTH: Final = frozenset({25, 26})
"""AUs that nobody can see while the lips are together; a hand before the mouth looks like that."""
LIPS_TOGETHER: Final = 0.05
"""Inner lips nearer to each other than this, in eye distances, are together."""
_INNER_LIPS: Final = ([81, 82, 13, 312, 311], [178, 87, 14, 317, 402])
_POSE: Final = 4
_ON, _GREY = 0.5, 0.3
_CLOSED: Final = 0.29
"""The most that an AU of an open mouth gets while the lips are together: it is absent."""

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
        return round(float(np.interp(score, *self._curve)), 3)

    @cached_property
    def _curve(self) -> NDArray[np.float64]:
        return np.transpose(self.curve)


class Measured(NamedTuple):
    """One AU on one face: its probability, and its side where only one side is on."""

    probability: float
    side: Side | None = None


class _Arrays(NamedTuple):
    """All heads at once: weights (478 x 3, AUs), pose (4, AUs), bias and half_turn (AUs,)."""

    reference: NDArray[np.float64]
    mirror: NDArray[np.intp]
    weights: NDArray[np.float64]
    pose: NDArray[np.float64]
    bias: NDArray[np.float64]
    half_turn: NDArray[np.float64]


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
    def _arrays(self) -> "_Arrays":
        heads = self.heads.values()
        weights = np.zeros((len(heads), MESH_POINTS, 3))
        for each, head in zip(weights, heads, strict=True):
            each[list(head.points)] = np.reshape(head.weights, (-1, 3))
        return _Arrays(
            np.array(self.reference),
            np.array(self.mirror, dtype=np.intp),
            weights.reshape(len(weights), -1).T,
            np.transpose([head.pose for head in heads]),
            np.array([head.bias for head in heads]),
            np.array([head.turn / 2 for head in heads]),
        )

    def scores(self, meshes: Points, blendshapes: Mapping[str, NDArray[np.float64]]) -> Points:
        """The score of each half: (2, faces, AUs), the person's right first.

        Args:
            meshes: (faces, 478, 3), in shares of the picture.
            blendshapes: MediaPipe's scores by name, (faces,) each.
        """
        of = self._arrays
        aligned = align(meshes, of.reference)
        halves = np.stack([aligned.points, mirrored(aligned.points, of.mirror)]) - of.reference
        scores = halves.reshape(2, len(meshes), -1) @ of.weights
        scores += pose_of(aligned) @ of.pose + of.bias
        scores += np.multiply.outer([-aligned.yaw, aligned.yaw], of.half_turn)
        for column, head in enumerate(self.heads.values()):
            if head.blendshape is not None:
                shapes = both_sides(head.blendshape, blendshapes)
                scores[:, :, column] += head.blendshape_weight * shapes
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
        aus = {
            au: measured(au, head, float(r), float(s))
            for (au, head), r, s in zip(self.heads.items(), right, left, strict=True)
        }
        if self.lip_gap(mesh) < LIPS_TOGETHER:
            aus |= {au: Measured(min(aus[au].probability, _CLOSED)) for au in OPEN_MOUTH & set(aus)}
        return aus

    def lip_gap(self, mesh: NDArray[np.float64]) -> float:
        """How far the inner lips are apart, in eye distances."""
        points = align(mesh[None], self._arrays.reference).points[0]
        upper, lower = (points[lip] for lip in _INNER_LIPS)
        return float(np.linalg.norm(lower - upper, axis=1).mean())


def measured(au: int, head: Head, right: float, left: float) -> Measured:
    """One AU from the scores of its two halves."""
    side: Side = "right" if right > left else "left"
    weaker, stronger = sorted((right, left))
    apart = au not in MIDDLE and stronger - weaker > head.gap
    one_sided = apart and head.probability(weaker) < _GREY
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
