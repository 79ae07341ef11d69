"""Drawing faces at random: the same seed and index give the same face on every machine.

An emotion's AUs follow its published prototype, with noise: an AU of the prototype can be
missing, a foreign one can act, and some faces blend a second emotion in. The label stays the
dominant emotion, so the task has an answer without being a look-up.
"""

from collections.abc import Collection
from math import radians
from typing import Final

import numpy as np

from tag_plugin.data.rows import SPLITS
from tag_plugin.data.synthetic.face import (
    SYNTH_AUS,
    Colour,
    Hair,
    Identity,
    Occluder,
    Pose,
    Scene,
    SyntheticFace,
    mixed,
)
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.facs.emotions import label_set
from tag_plugin.facs.prototypes import PROTOTYPES

_KEPT: Final = 0.95  # how often an AU that all posers show acts here
_FOREIGN: Final = 0.10  # how often one AU outside the prototype acts
_BLEND: Final = 0.10  # how often one AU of a second emotion acts
_FAINT: Final = 0.12  # how often one AU acts so faintly that it stays undecided
_EXCLUDED: Final = (  # pairs that cannot act at once
    {5, 7},
    {12, 15},
    {12, 20},
    {20, 23},
    {20, 24},
    {23, 24},
    {23, 25},
    {23, 26},
    {23, 27},
    {24, 25},
    {24, 26},
    {24, 27},
    {26, 27},
    {17, 27},
)
_JAW: Final = (26, 27)
"""AUs that part the lips."""
_SKINS: Final = ((245, 214, 190), (232, 190, 160), (210, 160, 120), (170, 118, 82), (120, 80, 56))
_HAIRS: Final = ((40, 28, 22), (90, 58, 34), (168, 120, 62), (206, 178, 120), (120, 118, 116))
_IRISES: Final = ((70, 45, 25), (60, 100, 140), (70, 110, 60), (40, 40, 40))


def split_seed(seed: int, split: str) -> int:
    """The seed of one split: different splits never share a face.

    Raises:
        ValueError: no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    return len(SPLITS) * seed + SPLITS.index(split)


def sample_face(seed: int, index: int) -> SyntheticFace:
    """Face number `index` of the endless sequence that belongs to `seed`."""
    rng = np.random.default_rng([seed, index])
    emotion = str(rng.choice(label_set("synth").labels))
    return SyntheticFace(
        seed=seed,
        index=index,
        emotion=emotion,
        intensities=_intensities(rng, emotion),
        identity=_identity(rng),
        pose=_pose(rng),
        scene=_scene(rng),
    )


def can_act_together(aus: Collection[int]) -> bool:
    """Whether a face can show these AUs at once: none excludes another, a low jaw parts lips."""
    return not any(pair <= set(aus) for pair in _EXCLUDED) and (
        25 in aus or not any(au in aus for au in _JAW)
    )


def _intensities(rng: np.random.Generator, emotion: str) -> dict[int, float]:
    acting: dict[int, float] = {}
    for au, weight in PROTOTYPES[emotion].items():
        if rng.random() < min(weight, _KEPT):
            _add(acting, au, float(rng.uniform(0.55, 1.0)))
    if 26 in acting and rng.random() < 0.4:
        acting[27] = acting.pop(26)
    if 24 in acting and rng.random() < 0.25:
        acting[23] = acting.pop(24)
    if rng.random() < _BLEND:
        other = str(rng.choice([name for name in label_set("synth").labels if PROTOTYPES[name]]))
        _add(acting, int(rng.choice(list(PROTOTYPES[other]))), float(rng.uniform(0.5, 0.7)))
    if rng.random() < _FOREIGN:
        _add(acting, int(rng.choice(SYNTH_AUS)), float(rng.uniform(0.5, 0.9)))
    if rng.random() < _FAINT:
        _add(acting, int(rng.choice(SYNTH_AUS)), float(rng.uniform(0.24, 0.36)))
    return acting


def _add(acting: dict[int, float], au: int, intensity: float) -> None:
    """Let an AU act unless one that excludes it acts already; jaw AUs part the lips."""
    excluded = au in acting or any({au, other} in _EXCLUDED for other in acting)
    if au in SYNTH_AUS and not excluded:
        acting[au] = intensity
        if au in _JAW:
            acting.setdefault(25, intensity)


def _identity(rng: np.random.Generator) -> Identity:
    skin = _jitter(rng, _SKINS[rng.integers(len(_SKINS))], 10)
    return Identity(
        skin=skin,
        hair_colour=_jitter(rng, _HAIRS[rng.integers(len(_HAIRS))], 12),
        iris=_jitter(rng, _IRISES[rng.integers(len(_IRISES))], 10),
        lips=mixed(skin, (178, 60, 70), float(rng.uniform(0.4, 0.75))),
        hair=list(Hair)[int(rng.choice(4, p=[0.15, 0.4, 0.33, 0.12]))],
        head_height=float(rng.uniform(1.15, 1.27)),
        jaw_width=float(rng.uniform(0.78, 1.0)),
        eye_x=float(rng.uniform(0.38, 0.45)),
        eye_y=float(rng.uniform(-0.17, -0.11)),
        eye_width=float(rng.uniform(0.18, 0.23)),
        eye_height=float(rng.uniform(0.085, 0.105)),
        brow_y=float(rng.uniform(-0.43, -0.38)),
        brow_arch=float(rng.uniform(0.02, 0.06)),
        brow_thickness=float(rng.uniform(0.05, 0.09)),
        nose_length=float(rng.uniform(0.22, 0.30)),
        nose_width=float(rng.uniform(0.14, 0.21)),
        mouth_y=float(rng.uniform(0.56, 0.64)),
        mouth_width=float(rng.uniform(0.30, 0.37)),
        lip_thickness=float(rng.uniform(0.07, 0.11)),
    )


def _pose(rng: np.random.Generator) -> Pose:
    unit = float(rng.uniform(92, 150))
    room_x = max(FACE_FRAME / 2 - 1.02 * unit, 8.0)
    room_up, room_down = FACE_FRAME / 2 - 1.05 * unit, FACE_FRAME / 2 - 1.35 * unit
    return Pose(
        yaw=radians(float(rng.uniform(-20, 20))),
        pitch=radians(float(rng.uniform(-12, 12))),
        roll=radians(float(rng.uniform(-14, 14))),
        unit=unit,
        centre=(
            FACE_FRAME / 2 + float(rng.uniform(-room_x, room_x)),
            FACE_FRAME / 2 + float(rng.uniform(-max(room_up, 8.0), max(room_down, 8.0))),
        ),
    )


def _scene(rng: np.random.Generator) -> Scene:
    return Scene(
        backdrop=(_any_colour(rng), _any_colour(rng)),
        shirt=_any_colour(rng),
        light_angle=float(rng.uniform(0, 2 * np.pi)),
        light_strength=float(rng.uniform(0.0, 0.35)),
        brightness=float(rng.uniform(0.75, 1.1)),
        blur=float(rng.choice([0.0, rng.uniform(0.5, 1.3)])),
        noise=float(rng.uniform(0, 9)),
        noise_offset=(int(rng.integers(64)), int(rng.integers(64))),
        glasses=_jitter(rng, (50, 45, 45), 30) if rng.random() < 0.18 else None,
        occluder=_occluder(rng) if rng.random() < 0.12 else None,
    )


def _occluder(rng: np.random.Generator) -> Occluder:
    return Occluder(
        centre=(float(rng.uniform(-0.9, 0.9)), float(rng.uniform(-0.6, 1.1))),
        radii=(float(rng.uniform(0.18, 0.32)), float(rng.uniform(0.25, 0.42))),
        angle=float(rng.uniform(0, 180)),
        colour=_any_colour(rng),
    )


def _any_colour(rng: np.random.Generator) -> Colour:
    red, green, blue = rng.integers(40, 230, 3)
    return int(red), int(green), int(blue)


def _jitter(rng: np.random.Generator, colour: Colour, spread: int) -> Colour:
    red, green, blue = np.clip(np.array(colour) + rng.integers(-spread, spread + 1, 3), 0, 255)
    return int(red), int(green), int(blue)
