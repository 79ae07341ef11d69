"""Single pictures of any size, looked at by a detector: framed as `prepare folder` frames them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from tag_plugin.data.face_frame import ImageError
from tag_plugin.data.file_names import plain_id, same_name
from tag_plugin.data.picture import open_picture
from tag_plugin.data.rows import NO_FACE, FrameInfo, Row
from tag_plugin.data.source import Pictures
from tag_plugin.detectors.base import Detector, DetectorError, JointDetector
from tag_plugin.facs.detections import Detections
from tag_plugin.pipeline.framing import DEFAULT_FRAMING, Framer
from tag_plugin.pipeline.outcomes import Dropped

IN_FRAME: Final = "a face was framed, but the detector sees none in the frame"


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """One picture: its face frame, how that was made, and what the detector measured there."""

    path: Path
    frame: Image.Image
    info: FrameInfo
    detections: Detections


def look_at(paths: Iterable[Path], opened: Detector) -> Iterator[SeenPicture | Dropped]:
    """Each picture, or why there is nothing to see on it.

    Raises:
        DetectorError: the detector looks rows up instead of looking at pixels.
    """
    require_looking(opened)
    with closing(Framer(DEFAULT_FRAMING, Pictures.UNKNOWN)) as framer:
        for path in paths:
            try:
                yield _seen(path, framer, opened)
            except ImageError as error:
                yield Dropped(str(path), error.reason, str(error).removeprefix(f"{path}: "))


def require_looking(opened: Detector) -> None:
    """A detector for single pictures looks at pixels.

    Raises:
        DetectorError: it looks up rows.
    """
    if _looks_up(opened):
        raise DetectorError(
            f"{opened.info.name} looks up the rows of a dataset and sees no single picture; next: "
            "--detector mediapipe"
        )


def picture_row(path: Path, made: FrameInfo) -> Row:
    """A picture of no dataset, as a detector is handed one."""
    return Row(
        id=plain_id(path.stem),
        dataset="pictures",
        split="test",
        image=plain_id(path.name),
        label="neutral",  # a row has one; no detector that looks at pixels reads it
        label_set="basic7",
        frame=made,
    )


def drawing_names(paths: Sequence[Path]) -> Iterator[str]:
    """A file name for the drawing of each picture: its own, and that of none of the pictures.

    >>> list(drawing_names([Path("a.jpg"), Path("other/A.png")]))
    ['a-aus.png', 'A-aus-2.png']
    """
    taken = {same_name(path.name) for path in paths}
    for path in paths:
        first = f"{plain_id(path.stem)}-aus"
        numbered = (f"{first}-{number}.png" for number in count(2))
        name = next(n for n in chain([f"{first}.png"], numbered) if same_name(n) not in taken)
        taken.add(same_name(name))
        yield name


def _seen(path: Path, framer: Framer, opened: Detector) -> SeenPicture:
    frame, info = framer.frame(open_picture(path), None)
    detections = opened.detect_row(picture_row(path, info), lambda: np.array(frame))
    if detections is None:
        raise ImageError(IN_FRAME, NO_FACE)
    return SeenPicture(path, frame, info, detections)


def _looks_up(opened: Detector) -> bool:
    members = opened.members if isinstance(opened, JointDetector) else ()
    return opened.by_id or any(map(_looks_up, members))
