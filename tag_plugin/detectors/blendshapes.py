"""Blendshape scores and the lip gap -> AU probabilities.

The correspondence of ARKit's blendshapes to FACS is published: Apple's documentation of
`ARFaceAnchor.BlendShapeLocation` says what each one moves, and M. Ozel's "ARKit to FACS" table
(melindaozel.com/arkit-to-facs-cheat-sheet) names the AU. MediaPipe's scores are not
probabilities: a clear upper lid raise scores 0.15, a resting brow 0.3. Each AU therefore has a
piecewise-linear scale, read off 4,800 FERPlus training and validation faces (600 a class,
majority labels): 0.3 where few neutral faces pass (their 75th to 98th percentile), 0.5 where
pictures chosen by rank still show the AU to the eye.

AU   source                 remarks
 1   browInnerUp            surprise against neutral: AUC 0.83
 2   browOuterUp            AUC 0.82; the mean of both sides separates better than the larger one
 4   browDown               disgust against neutral: AUC 0.76
 5   eyeWide                surprise: AUC 0.88
 7   eyeSquint              disgust, anger, crying and broad smiles; a glance down scores up to 0.5
10   mouthUpperUp           disgust: AUC 0.82; open smiles (AU12) raise the lip as well
12   mouthSmile             happiness: AUC 0.97
15   mouthFrown             weak: fires twice to three times as often in sadness, fear and disgust
17   mouthShrugLower        weak, but right in the closed mouths where it fires
20   mouthStretch           fear: AUC 0.68; also broad smiles
24   mouthPress             weak: closed mouths only
25   gap of the inner lips  happiness 0.87, surprise 0.90; as a share of the face's height, measured
                            in three dimensions, which neither yaw nor a smile's width changes
26   jawOpen, middle band   surprise: AUC 0.90. AU26 and AU27 exclude each other in FACS
27   jawOpen, upper band

Not supported, and so never 0: AU6, AU9 and AU11 (cheekSquint and noseSneer stay at 0.000 on every
photograph; nothing stands for AU11), AU14 and AU22 (the faces where mouthDimple and mouthFunnel
score highest are shouting mouths, with neither dimple nor funnel), AU23 (no blendshape).
"""

from collections.abc import Mapping
from statistics import fmean
from typing import Final

import numpy as np
from numpy.typing import NDArray

LIP_GAP = "lipGap"
"""Our own measurement beside the blendshapes: see `lip_gap`."""

Curve = tuple[tuple[float, float], ...]
"""Points (score, probability), linear in between."""


def _rising(grey: float, on: float, full: float) -> Curve:
    return ((0.0, 0.0), (grey, 0.3), (on, 0.5), (full, 1.0))


_SCALES: Final[Mapping[int, tuple[str, Curve]]] = {
    1: ("browInnerUp", _rising(0.45, 0.60, 0.95)),
    2: ("browOuterUp", _rising(0.50, 0.62, 0.95)),
    4: ("browDown", _rising(0.28, 0.42, 0.85)),
    5: ("eyeWide", _rising(0.08, 0.13, 0.45)),
    7: ("eyeSquint", _rising(0.52, 0.60, 0.85)),
    10: ("mouthUpperUp", _rising(0.20, 0.30, 0.80)),
    12: ("mouthSmile", _rising(0.18, 0.30, 0.85)),
    15: ("mouthFrown", _rising(0.14, 0.22, 0.60)),
    17: ("mouthShrugLower", _rising(0.18, 0.28, 0.80)),
    20: ("mouthStretch", _rising(0.20, 0.32, 0.80)),
    24: ("mouthPress", _rising(0.22, 0.30, 0.60)),
    25: (LIP_GAP, _rising(0.030, 0.050, 0.120)),
    26: (
        "jawOpen",
        ((0.0, 0.0), (0.15, 0.3), (0.25, 0.5), (0.45, 1.0), (0.65, 0.5), (0.75, 0.0)),
    ),
    27: ("jawOpen", ((0.0, 0.0), (0.55, 0.0), (0.65, 0.5), (0.85, 1.0))),
}

SUPPORTED: frozenset[int] = frozenset(_SCALES)
"""The AUs that can be measured this way."""

MAP_VERSION = 1
"""Goes up with every change of the table above; part of the detector's version."""

_UPPER_LIP, _LOWER_LIP, _FOREHEAD, _CHIN = 13, 14, 10, 152


def lip_gap(points: NDArray[np.float64]) -> float:
    """The gap between the inner lips as a share of the face's height.

    Args:
        points: the face mesh, (478, 3) in one unit for x, y and z.
    """
    gap = np.linalg.norm(points[_UPPER_LIP] - points[_LOWER_LIP])
    height = np.linalg.norm(points[_FOREHEAD] - points[_CHIN])
    return float(gap / height) if height > 0 else 0.0


def probabilities(scores: Mapping[str, float]) -> dict[int, float]:
    """AU id -> probability for every supported AU, to three decimals.

    Args:
        scores: MediaPipe's blendshapes by name (0..1) and `LIP_GAP`.
    """
    return {au: _probability(scores, *scale) for au, scale in _SCALES.items()}


def _probability(scores: Mapping[str, float], name: str, curve: Curve) -> float:
    sides = (name,) if name in scores else (f"{name}Left", f"{name}Right")
    places, values = np.transpose(curve)
    return round(float(np.interp(fmean(scores[side] for side in sides), places, values)), 3)
