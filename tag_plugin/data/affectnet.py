"""AffectNet in its two official layouts, with 7 or 8 classes.

    ROOT/Manually_Annotated_file_lists/{training,validation}.csv     the full release
    ROOT/Manually_Annotated_Images/<subDirectory_filePath>           or in ROOT/Manually_Annotated

    ROOT/{train_set,val_set}/images/<id>.jpg                          the 8-label release
    ROOT/{train_set,val_set}/annotations/<id>_exp.npy

The validation set is the test set of the literature (3,500 faces of 7 classes, 4,000 of 8; a newer
release has 3,999); dev is a fixed twentieth of the training set. Ids overlap between the two
sets, so a face's id begins with its set.
Source: Mollahosseini, Hasani and Mahoor, "AffectNet: a database for facial expression, valence,
and arousal computing in the wild", IEEE TAC 2019, and the release's readme.
"""

import hashlib
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.face_frame import Crop
from tag_plugin.data.file_names import SUFFIXES, files_below, find_inside
from tag_plugin.data.npy_number import read_number
from tag_plugin.data.rows import Split
from tag_plugin.data.short_digest import short_digest
from tag_plugin.data.source import (
    LeftOut,
    Pictures,
    SourceError,
    SourceFace,
    by_label,
    compare_counts,
    train_or_dev,
)
from tag_plugin.data.text_file import csv_rows
from tag_plugin.facs.emotions import LABEL_SETS

CODES: Final[Mapping[int, str]] = dict(enumerate(LABEL_SETS["affectnet8"].labels))
"""0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt; 8-10: none."""

TRAINING_COUNTS: Final[Mapping[str, int]] = by_label(
    "affectnet8", 74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750
)
ACCESS = BENCHMARKS["affectnet8"].access
FILE_LISTS, IMAGES = "Manually_Annotated_file_lists", "Manually_Annotated_Images"
WHOLE = "Manually_Annotated"
"""The folder that the release's archive of pictures unpacks to."""
CSV_FILES: Final[Mapping[str, str]] = {"train": "training.csv", "val": "validation.csv"}
NPY_FOLDERS: Final[Mapping[str, str]] = {"train": "train_set", "val": "val_set"}
FILE, EXPRESSION = "subDirectory_filePath", "expression"
BOX = ("face_x", "face_y", "face_width", "face_height")
COLUMNS = (FILE, *BOX, "facial_landmarks", EXPRESSION, "valence", "arousal")
"""In the official order: the release's validation.csv has no header."""
LARGEST_BOX = 100_000
"""Pixels; no photograph is larger."""
FACE_MARGIN = 0.1
"""Share of the annotated face box that is kept around it."""

NO_EMOTION, OTHER_CLASS, REPEATED, BAD_BOX = (
    "none, uncertain or no face",
    "not one of the 7 classes",
    "image named before",
    "the face box is no box",
)


@dataclass(frozen=True)
class _Annotation:
    """One annotated face: its name in its set, the class code, the file and the face box.

    `fault` says what is wrong with the box.
    """

    name: str
    code: int
    image: Path
    crop: Crop | None = None
    fault: str = ""


@dataclass(frozen=True)
class AffectNet:
    """The reader of one AffectNet directory; `classes` is 7 or 8.

    Raises:
        SourceError: neither layout, a line or file that does not fit it, or permuted class codes.
    """

    root: Path
    classes: int = 7
    pictures: Pictures = Pictures.FACES

    def __post_init__(self) -> None:
        if self.classes not in (7, 8):
            raise SourceError(f"AffectNet has 7 or 8 classes, not {self.classes}")
        _ = self.settings

    @property
    def dataset(self) -> str:
        """`affectnet7` or `affectnet8`."""
        return f"affectnet{self.classes}"

    @property
    def label_set(self) -> str:
        """Named like the dataset."""
        return self.dataset

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The content of the annotations, and how the training counts compare.

        Both label files are read to their end: what is wrong with one is said before a picture is.
        """
        content = hashlib.sha256()
        counts: Counter[str] = Counter()
        for face in self._annotations("train"):
            content.update(f"{face.name} {face.code}\n".encode())
            counts[CODES.get(face.code, NO_EMOTION)] += 1
        deque(self._annotations("val"), maxlen=0)
        del counts[NO_EMOTION]
        return {
            "training labels": content.hexdigest(),
            "counts of training": compare_counts(
                f"{self.root} (training)", counts, TRAINING_COUNTS, ACCESS
            ),
        }

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """The faces of a split, in file order."""
        part = "val" if split == "test" else "train"
        named: set[int] = set()
        for face in self._annotations(part):
            face_id, digest = f"{part}_{face.name}", short_digest(face.name)
            if split == "test" or train_or_dev(face_id) == split:
                again = LeftOut(face_id, REPEATED)
                yield again if digest in named else self._entry(face, face_id)
            named.add(digest)

    def _entry(self, face: _Annotation, face_id: str) -> SourceFace | LeftOut:
        label = CODES.get(face.code)
        if label is None:
            return LeftOut(face_id, NO_EMOTION)
        if label not in LABEL_SETS[self.label_set].labels:
            return LeftOut(face_id, OTHER_CLASS, label)
        if face.fault:
            return LeftOut(face_id, BAD_BOX, face.fault)
        return SourceFace(face_id, label, face.image, face.crop)

    def _annotations(self, part: str) -> Iterator[_Annotation]:
        labels = _labels(self.root, part)
        if labels is None:
            raise SourceError(
                f"no {self.root / FILE_LISTS / CSV_FILES[part]} and no "
                f"{self.root / NPY_FOLDERS[part] / 'annotations'}: AffectNet is expected in one of "
                f"its official layouts. {ACCESS}"
            )
        return self._from_csv(labels) if labels.is_file() else _from_npy(labels)

    @cached_property
    def _images(self) -> Path:
        """The folder of the full release's pictures."""
        places = [find_inside(self.root, *above, IMAGES) for above in ((), (WHOLE,))]
        return next((place for place in places if place.is_dir()), self.root / IMAGES)

    def _from_csv(self, path: Path) -> Iterator[_Annotation]:
        lines = csv_rows(path)
        first = next(lines, None)
        if first is None:
            raise SourceError(f"{path}: empty; next: unpack the release's {path.name} again")
        header = _header(*first)
        names = header or COLUMNS
        for where, fields in lines if header else chain([first], lines):
            if len(fields) != len(names):
                raise SourceError(
                    f"{where}: {len(fields)} columns, not {len(names)} as in the first line; next: "
                    "mend or remove the line"
                )
            yield self._csv_line(dict(zip(names, fields, strict=True)), where)

    def _csv_line(self, line: Mapping[str, str], where: str) -> _Annotation:
        file = line[FILE].strip().replace("\\", "/").removeprefix("./")
        if not file or file.startswith("/") or ".." in file.split("/") or "\0" in file:
            raise SourceError(f"{where}: {file[:80]!r} is not a path inside {IMAGES}")
        suffix = Path(file).suffix
        name = file.removesuffix(suffix if suffix.lower() in SUFFIXES else "").replace("/", "_")
        face = _Annotation(name, _number(line[EXPRESSION], where), self._images / file)
        try:
            return replace(face, crop=_crop([line[column].strip() for column in BOX]))
        except ValueError as error:
            return replace(face, fault=f"{where}: {error}")


def holds_affectnet(root: Path) -> bool:
    """Whether a folder looks like AffectNet's."""
    return any(_labels(root, part) for part in CSV_FILES)


def _labels(root: Path, part: str) -> Path | None:
    """The list of the full release, or the folder of annotations of the 8-label one.

    The list lies in its folder, in that of the pictures, or beside them.
    """
    above = ((FILE_LISTS,), (WHOLE, FILE_LISTS), (WHOLE,), ())
    lists = (find_inside(root, *folders, CSV_FILES[part]) for folders in above)
    name = NPY_FOLDERS[part]
    annotations = (find_inside(root, *folders, "annotations") for folders in ((name,) * 2, (name,)))
    return next(
        (path for path in lists if path.is_file()),
        next((path for path in annotations if path.is_dir()), None),
    )


def _header(where: str, fields: list[str]) -> tuple[str, ...] | None:
    """The names of the columns; None where the first line is a face in the official order.

    Raises:
        SourceError: neither.
    """
    official = {column.lower(): column for column in COLUMNS}
    names = tuple(official.get(name.strip().lower(), name.strip()) for name in fields)
    missing = {FILE, *BOX, EXPRESSION} - set(names)
    if not missing:
        return names
    if len(fields) == len(COLUMNS):
        line = dict(zip(COLUMNS, map(str.strip, fields), strict=True))
        if Path(line[FILE]).suffix.lower() in SUFFIXES and _CODE.fullmatch(line[EXPRESSION]):
            return None
    raise SourceError(
        f"{where}: the columns {sorted(missing)} are missing, and the line is no face in the "
        f"official order {', '.join(COLUMNS)}; next: use the release's own file"
    )


_CODE = re.compile(r"[0-9]|10")


def _from_npy(annotations: Path) -> Iterator[_Annotation]:
    for path in files_below(annotations):
        name = path.name.removesuffix("_exp.npy")
        if name != path.name:
            image = annotations.with_name("images") / f"{name}.jpg"
            yield _Annotation(name, _number(read_number(path), str(path)), image)


def _number(text: str, where: str) -> int:
    if not _CODE.fullmatch(text.strip()):
        raise SourceError(f"{where}: expression {text[:40]!r} is not a class code 0..10")
    return int(text)


def _crop(box: list[str]) -> Crop | None:
    """The annotated face with a margin; None where the release has no box (NULL or empty).

    Raises:
        ValueError: no number, or one that lies in no picture.
    """
    if all(value.upper() in {"", "NULL"} for value in box):
        return None
    try:
        left, top, width, height = numbers = [float(value) for value in box]
        if not all(abs(value) <= LARGEST_BOX for value in numbers):  # nor is nan
            raise ValueError
    except ValueError:
        raise ValueError(f"face box {', '.join(box)[:80]}") from None
    if width <= 0 or height <= 0:
        return None
    edge = FACE_MARGIN * max(width, height)
    x1, y1 = round(left - edge), round(top - edge)
    return (x1, y1, round(left + width + edge), round(top + height + edge))
