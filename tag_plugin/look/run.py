"""Photographs -> faces -> a model's trace of each, checked by the detector; files to look at."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.face_frame import Crop, ImageError, write_face
from tag_plugin.data.file_names import plain_id
from tag_plugin.data.picture import open_picture
from tag_plugin.data.rows import DetectorInfo, FrameInfo
from tag_plugin.data.source import Pictures
from tag_plugin.detectors.base import Detector
from tag_plugin.facs.detections import Detections
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.facs.frozen import Frozen
from tag_plugin.look.models import Model
from tag_plugin.look.standing import Checked, Standing, check
from tag_plugin.pipeline.framing import DEFAULT_FRAMING, Framer
from tag_plugin.pipeline.single_pictures import picture_row, require_looking
from tag_plugin.report.contact_sheet import write_sheet
from tag_plugin.report.overlay import overlay
from tag_plugin.scoring.matching import Target
from tag_plugin.trace.claims import Claim

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
FACES: Final = "faces"
"""The folder of the face frames, below that of the results."""


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One face of a photograph: its frame as a file, how it was made, the square that it shows."""

    photograph: Path
    name: str
    file: Path
    frame: Image.Image
    made: FrameInfo
    square: Crop | None


class LookedFace(Frozen):
    """What is known about one face; `file` is its face frame, below the folder of the results."""

    photograph: str
    name: str
    file: str
    square: Crop | None
    detections: Detections | None
    checked: Checked


class Look(Frozen):
    """What one call found: look.json."""

    model: str
    template: str
    label_set: str
    detector: DetectorInfo
    faces: tuple[LookedFace, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(
        cls,
        model: Model,
        labels: LabelSet,
        detector: DetectorInfo,
        seen: Iterable[LookedFace | str],
    ) -> "Look":
        """Of faces, and of reasons why there is none, in any order."""
        each = [*seen]
        return cls(
            model=model.name,
            template=model.question.template,
            label_set=labels.name,
            detector=detector,
            faces=tuple(face for face in each if isinstance(face, LookedFace)),
            left_out=tuple(reason for reason in each if isinstance(reason, str)),
        )


def photographs(paths: Iterable[Path]) -> list[Path]:
    """The files, and the pictures of folders in the order of their names.

    Raises:
        ValueError: a folder without a picture.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not inside:
            raise ValueError(f"{path} holds no picture ({' '.join(sorted(SUFFIXES))})")
        files += inside
    return files


def faces_of(files: Sequence[Path], out: Path) -> Iterator[FoundFace | str]:
    """Every face of every photograph, or why there is none; frames are written below `out`."""
    used: Counter[str] = Counter()
    with closing(Framer(DEFAULT_FRAMING, Pictures.UNKNOWN)) as framer:
        for path in files:
            try:
                found = framer.every_face(open_picture(path))
            except ImageError as error:
                yield f"{path}: {error.reason} ({str(error).removeprefix(f'{path}: ')})"
                continue
            used[stem := plain_id(path.stem)] += 1
            base = stem if used[stem] == 1 else f"{stem}-{used[stem]}"
            for number, (frame, made, square) in enumerate(found, start=1):
                name = base if len(found) == 1 else f"{base}-face{number}"
                file = out / FACES / f"{name}.jpg"
                write_face(file, frame)
                yield FoundFace(path, name, file, frame, made, square)


def look(
    files: Sequence[Path], model: Model, detector: Detector, labels: LabelSet, out: Path
) -> Iterator[tuple[FoundFace, LookedFace] | str]:
    """Each face with its checked trace, or why a photograph has none.

    Raises:
        DetectorError: the detector looks rows up instead of looking at pixels.
        LookError: the model gives no answer.
    """
    require_looking(detector)
    for found in faces_of(files, out):
        if isinstance(found, str):
            yield found
            continue
        row = picture_row(found.photograph, found.made)
        detections = detector.detect_row(row, partial(np.array, found.frame))
        text = model.answer(found.file)
        thresholds = detector.info.thresholds
        checked = check(text, labels, model.question.frame, detections, thresholds)
        yield (
            found,
            LookedFace(
                photograph=str(found.photograph),
                name=found.name,
                file=str(found.file.relative_to(out)),
                square=found.square,
                detections=detections,
                checked=checked,
            ),
        )


def draw(found: FoundFace, looked: LookedFace, detector: DetectorInfo, out: Path) -> Path:
    """The face with the model's boxes and the detector's corners; returns the picture's file."""
    present = looked.detections.on(detector.thresholds) if looked.detections else ()
    page = overlay(
        found.frame,
        [Target(each.au, each.box) for each in present],
        [Claim(claim.au, claim.box) for claim in looked.checked.claims],
        f"{looked.name}: {headline(looked.checked)}",
        "\n".join([*_lines(looked.checked), "", looked.checked.text]),
    )
    return write_sheet(page, out / f"{looked.name}.png")


def headline(checked: Checked) -> str:
    """The answer and how its claims stand, in one line."""
    counts = ", ".join(f"{checked.count(each)} {each}" for each in Standing)
    return f"{checked.answer or 'no clear answer'}; {counts}"


def write_look(found: Look, out: Path) -> Path:
    """All of it as look.json."""
    file = out / "look.json"
    write_text(file, found.model_dump_json(indent=2) + "\n")
    return file


def _lines(checked: Checked) -> Iterator[str]:
    for claim in checked.claims:
        yield f"AU{claim.au or '?'} {claim.standing}: {claim.reason}"
    for each in checked.overlooked:
        yield f"AU{each.au} not named; the detector sees it ({each.probability:.2f})"
