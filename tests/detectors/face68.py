"""A frontal face as 68 landmarks in pixels of the face frame, numbered as in 300-W."""

import numpy as np

_RIGHT_HALF = {  # the side that is left in the picture; 100 is the middle
    0: (30, 90), 1: (31, 106), 2: (33, 122), 3: (37, 138),
    4: (43, 152), 5: (53, 164), 6: (66, 174), 7: (82, 181),
    17: (38, 70), 18: (45, 62), 19: (56, 59), 20: (68, 61), 21: (80, 66),
    31: (86, 122), 32: (93, 125),
    36: (50, 82), 37: (57, 78), 38: (66, 78), 39: (73, 84), 40: (66, 86), 41: (57, 86),
    48: (72, 148), 49: (82, 143), 50: (93, 141), 59: (82, 156), 58: (92, 159),
    60: (77, 148), 61: (92, 146), 67: (92, 150),
}  # fmt: skip
_MIDDLE = {8: 183, 27: 78, 28: 90, 29: 102, 30: 114, 33: 127, 51: 143, 57: 160, 62: 146, 66: 150}
_MIRRORED = {
    **{n: 16 - n for n in range(8)},
    **{n: 43 - n for n in range(17, 22)},
    31: 35, 32: 34, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46,
    48: 54, 49: 53, 50: 52, 59: 55, 58: 56, 60: 64, 61: 63, 67: 65,
}  # fmt: skip

MIRROR = [
    next((b if n == a else a for a, b in _MIRRORED.items() if n in (a, b)), n) for n in range(68)
]
"""The landmark on the other side of the face."""


def face68(scale=2.24, shift=(0.0, 0.0)):
    """(68, 2) pixels."""
    points = np.empty((68, 2))
    for number, (x, y) in _RIGHT_HALF.items():
        points[number] = x, y
        points[_MIRRORED[number]] = 200 - x, y
    for number, y in _MIDDLE.items():
        points[number] = 100, y
    return points * scale + shift
