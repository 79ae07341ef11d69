"""What a procedural face is made of: who it is, where it is, what its muscles do, what hides it.

Lengths are in face units: 1 is half the width of the head, x runs to the right of the picture,
y downwards, and the origin lies on the bridge of the nose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""

SYNTH_AUS: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 17, 20, 23, 24, 25, 26, 27)
"""The AUs that the drawing can show; the others are unsupported, never absent."""


class Hair(StrEnum):
    """The hair styles."""

    BALD = "bald"
    SHORT = "short"
    LONG = "long"
    FRINGE = "fringe"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person: the face at rest."""

    skin: Colour
    hair_colour: Colour
    iris: Colour
    lips: Colour
    hair: Hair
    head_height: float
    jaw_width: float
    eye_x: float
    eye_y: float
    eye_width: float
    eye_height: float
    brow_y: float
    brow_arch: float
    brow_thickness: float
    nose_length: float
    nose_width: float
    mouth_y: float
    mouth_width: float
    lip_thickness: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head is: angles in radians, the rest in pixels of the face frame."""

    yaw: float
    pitch: float
    roll: float
    unit: float
    centre: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Occluder:
    """An oval that hides a part of the face: centre and radii in face units, angle in degrees."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    angle: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything around the face: backdrop, light, lens."""

    backdrop: tuple[Colour, Colour]
    shirt: Colour
    light_angle: float
    light_strength: float
    brightness: float
    blur: float
    noise: float
    noise_offset: tuple[int, int]
    glasses: Colour | None
    occluder: Occluder | None


@dataclass(frozen=True, slots=True)
class SyntheticFace:
    """One face: everything needed to draw it and to say exactly what is in it.

    `intensities` holds the AUs that act at all, each in (0, 1]; the others are 0.
    """

    seed: int
    index: int
    emotion: str
    intensities: Mapping[int, float]
    identity: Identity
    pose: Pose
    scene: Scene

    def intensity(self, au: int) -> float:
        """How far this AU acts, 0..1."""
        return self.intensities.get(au, 0.0)


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with this share of `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
