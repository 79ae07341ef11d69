"""The face mesh of MediaPipe (478 points) without pose: aligned to a frontal reference.

Units: the distance between the centres of the eyes is 1. x grows to the right of the picture, y
downwards, z away from the camera, as MediaPipe has them. The person's right is on the left.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Points = NDArray[np.float64]
"""(faces, 478, 3)."""

STABLE: Final = (33, 133, 362, 263, 168, 6, 197, 195, 127, 356, 234, 454)
"""Points that no Action Unit moves much: eye corners, the bridge of the nose, the face's sides."""

_RIGHT_EYE, _LEFT_EYE, _FOREHEAD, _CHIN = [33, 133], [362, 263], 10, 152
_ROUNDS: Final = 4


class Aligned(NamedTuple):
    """Meshes without pose, and the pose in radians: `points` (n, 478, 3), yaw and pitch (n,)."""

    points: Points
    yaw: NDArray[np.float64]
    pitch: NDArray[np.float64]


def align(meshes: Points, reference: NDArray[np.float64]) -> Aligned:
    """The meshes moved, turned and scaled so that their stable points lie on the reference's.

    S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 13(4), 1991.
    """
    stable, target = meshes[:, STABLE], reference[list(STABLE)]
    centre, aim = stable.mean(axis=1, keepdims=True), target.mean(axis=0)
    left, stretch, right = np.linalg.svd(np.einsum("nki,kj->nij", stable - centre, target - aim))
    proper = np.ones((len(meshes), 3))
    proper[:, 2] = np.sign(np.linalg.det(left @ right))
    turn = np.einsum("nij,nj,njk->nik", left, proper, right)
    scale = (stretch * proper).sum(axis=1) / ((stable - centre) ** 2).sum(axis=(1, 2))
    points = scale[:, None, None] * np.einsum("nki,nij->nkj", meshes - centre, turn) + aim
    pitch = np.arcsin(turn[:, 2, 1].clip(-1, 1))
    return Aligned(points, np.arctan2(turn[:, 2, 0], turn[:, 2, 2]), pitch)


def frontal_reference(meshes: Points) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The mean of the aligned meshes, upright, frontal and symmetric, and its mirror.

    Returns:
        The reference (478, 3), and for each point the number of the one on the other side.
    """
    reference = meshes[0]
    for _ in range(_ROUNDS):
        reference = align(meshes, reference).points.mean(axis=0)
        eyes = [reference[eye].mean(axis=0) for eye in (_RIGHT_EYE, _LEFT_EYE)]
        reference = (reference - sum(eyes) / 2) / np.linalg.norm(eyes[1] - eyes[0])
    across = reference[_LEFT_EYE].mean(axis=0) - reference[_RIGHT_EYE].mean(axis=0)
    across /= np.linalg.norm(across)
    down = reference[_CHIN] - reference[_FOREHEAD]
    down -= across * (across @ down)
    down /= np.linalg.norm(down)
    upright = reference @ np.stack([across, down, np.cross(across, down)], axis=1)
    flipped = upright * [-1, 1, 1]
    distances = ((upright[:, None] - flipped[None]) ** 2).sum(axis=2)
    mirror = linear_sum_assignment(distances + distances.T)[1]
    return (upright + upright[mirror] * [-1, 1, 1]) / 2, mirror


def mirrored(points: Points, mirror: NDArray[np.intp]) -> Points:
    """Aligned meshes as the same faces have them in a mirror."""
    return points[:, mirror] * [-1, 1, 1]
