"""What can hide a part of a face: an oval in front of it, and a fringe of hair."""

import cv2
import numpy as np

from tag_plugin.data.synthetic.face import Occluder, Pose, SyntheticFace
from tag_plugin.data.synthetic.geometry import Curve, project


def occluder_outline(occluder: Occluder, pose: Pose) -> Curve:
    """The outline of the oval in pixels (n, 2)."""
    centre = project(np.array([occluder.centre]), pose)[0]
    x, y = oval(40, *occluder.radii).T
    turn = np.radians(occluder.angle)
    turned = [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]
    return np.asarray(centre + pose.unit * np.stack(turned, axis=1), dtype=np.float64)


def oval(count: int, across: float, down: float) -> Curve:
    """So many points (n, 2) on an ellipse with these radii around the origin."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([across * np.cos(angle), down * np.sin(angle)], axis=1)


def fringe(face: SyntheticFace) -> Curve:
    """The outline of a fringe in face units (n, 2); it ends near the resting brows."""
    t = np.linspace(-0.98, 0.98, 15)
    hem = face.identity.brow_y - 0.16 + 0.05 * np.cos(7 * t) - 0.10 * t**2
    top = -1.25 * np.sqrt(1 - t[::-1] ** 2)
    return np.stack([np.append(t, t[::-1]), np.append(hem, top)], axis=1)


def fill(image: cv2.typing.MatLike, outline: Curve, colour: tuple[int, int, int]) -> None:
    """Paint an outline (pixels) into the image, with smooth edges."""
    cv2.fillPoly(image, [np.round(outline * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
