"""Tables as OpenFace 2.2, LibreFace and py-feat write them, from their documented headers."""

import numpy as np

from tests.detectors.face68 import face68

OPENFACE_R = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
OPENFACE_C = (*OPENFACE_R[:-1], 28, 45)
LIBREFACE_YES_NO = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
LIBREFACE_INTENSITY = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
PYFEAT = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)

GAZE = ("gaze_0_x", "gaze_0_y", "gaze_0_z", "gaze_angle_x", "gaze_angle_y")
POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")


def csv(lines, blank=""):
    """The text of a table whose lines are dictionaries of the same keys."""
    head = f",{blank}".join(lines[0])
    body = (f",{blank}".join(str(value) for value in line.values()) for line in lines)
    return "\n".join([head, *body]) + "\n"


def landmarks(points=None, template="{axis}_{n}"):
    points = face68() if points is None else points
    return {
        template.format(axis=axis, n=n): round(float(value), 4)
        for axis, values in zip("xy", points.T, strict=True)
        for n, value in enumerate(values)
    }


def openface(start, points=None, **cells):
    """A line with AU12 of 2.0 and AU4 of 0.4."""
    line = {
        **start,
        **dict.fromkeys((*GAZE, *POSE), 0.1),
        **landmarks(points),
        **{f"AU{au:02}_r": 0.0 for au in OPENFACE_R},
        **{f"AU{au:02}_c": 0.0 for au in OPENFACE_C},
        "AU12_r": 2.0,
        "AU12_c": 1.0,
        "AU04_r": 0.4,
    }
    assert set(cells) <= set(line)
    return line | cells


def landmark_img(face=0, points=None, **cells):
    """FaceLandmarkImg: one table a picture, a line a face."""
    return openface({"face": face, "confidence": 0.95}, points, **cells)


def feature_extraction(frame=1, points=None, **cells):
    """FeatureExtraction: a line a frame."""
    start = {"frame": frame, "face_id": 0, "timestamp": 0.0, "confidence": 0.98, "success": 1}
    return openface(start, points, **cells)


def libreface(mesh=None, **cells):
    """One table a picture, its landmarks in shares of the picture."""
    mesh = np.full((478, 2), 0.5) if mesh is None else mesh
    line = {
        "facial_expression": "Happiness",
        "gaze_yaw": 1.0,
        "pitch": 0.1,
        **landmarks(mesh, "lm_mp_{n}_{axis}"),
        **{f"au_{au}": 0 for au in LIBREFACE_YES_NO},
        **{f"au_{au}_intensity": 0.0 for au in LIBREFACE_INTENSITY},
        "au_12": 1,
        "au_12_intensity": 2.0,
        "au_7": 1,
        "au_4_intensity": 0.4,
    }
    return line | cells


def pyfeat(picture, frame=0, points=None, **cells):
    """A line a face, the picture in `input`."""
    line = {
        "FaceRectX": 60.0,
        "FaceRectY": 100.0,
        "FaceRectWidth": 320.0,
        "FaceRectHeight": 320.0,
        "FaceScore": 0.999,
        **landmarks(points),
        "Pitch": 0.1,
        **{f"AU{au:02}": 0.02 for au in PYFEAT},
        "AU12": 0.964,
        "AU04": 0.3,
        "happiness": 0.9,
        "input": picture,
        "frame": frame,
        "FrameHeight": 448.0,
        "FrameWidth": 448.0,
    }
    return line | cells
