"""AffectNet in its two official layouts, with 7 or 8 classes.

    ROOT/Manually_Annotated_file_lists/{training,validation}.csv     the full release
    ROOT/Manually_Annotated_Images/<subDirectory_filePath>

    ROOT/{train_set,val_set}/images/<id>.jpg                          the 8-label release
    ROOT/{train_set,val_set}/annotations/<id>_exp.npy

The validation set is the test set of the literature (3,500 faces of 7 classes, 4,000 of 8; a newer
release has 3,999); dev is a fixed twentieth of the training set. Ids overlap between the two
sets, so a face's id begins with its set.
Source: Mollahosseini, Hasani and Mahoor, "AffectNet: a database for facial expression, valence,
and arousal computing in the wild", IEEE TAC 2019, and the release's readme.
"""

import csv
import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tag_plugin.data.face_frame import Crop
from tag_plugin.data.official import compare_counts, train_or_dev
from tag_plugin.data.rows import Split
from tag_plugin.data.short_digest import short_digest
from tag_plugin.data.source import LeftOut, Pictures, SourceError, SourceFace
from tag_plugin.facs.emotions import LABEL_SETS

CODES: Mapping[int, str] = MappingProxyType(dict(enumerate(LABEL_SETS["affectnet8"].labels)))
"""0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt; 8-10: none."""

TRAINING_COUNTS: Mapping[str, int] = MappingProxyType(
    dict(
        zip(
            LABEL_SETS["affectnet8"].labels,
            (74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750),
            strict=True,
        )
    )
)
ACCESS = (
    "AffectNet is for non-commercial research: request it at "
    "https://mohammadmahoor.com/pages/databases/affectnet/"
)
FILE_LISTS, IMAGES = "Manually_Annotated_file_lists", "Manually_Annotated_Images"
CSV_FILES = MappingProxyType({"train": "training.csv", "val": "validation.csv"})
NPY_FOLDERS = MappingProxyType({"train": "train_set", "val": "val_set"})
COLUMNS = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "expression")
FACE_MARGIN = 0.1
"""Share of the annotated face box that is kept around it."""

NO_EMOTION, OTHER_CLASS, REPEATED = (
    "none, uncertain or no face",
    "not one of the 7 classes",
    "image named before",
)


@dataclass(frozen=True)
class _Annotation:
    """One annotated face: its set, its name there, the class code, the file and the face box."""

    part: str
    name: str
    code: int
    image: Path
    crop: Crop | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """What one pass over a set of annotations finds; small, however many there are.

    `repeated` holds the short digests of the names that occur more than once.
    """

    digest: str
    counts: Counter[str]
    repeated: frozenset[int]


def overview(faces: Iterable[tuple[str, int]]) -> Overview:
    """The digest, the faces of each class and the repeated names of (name, class code) pairs."""
    content = hashlib.sha256()
    counts: Counter[str] = Counter()
    digests = array("Q")
    for name, code in faces:
        content.update(f"{name} {code}\n".encode())
        digests.append(short_digest(name))
        if code in CODES:
            counts[CODES[code]] += 1
    ordered = np.sort(np.frombuffer(digests, dtype=np.uint64)) if digests else np.zeros(0)
    repeated = frozenset(int(value) for value in ordered[1:][ordered[1:] == ordered[:-1]])
    return Overview(content.hexdigest(), counts, repeated)


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
        """The content of the annotations, and how the training counts compare."""
        compared = compare_counts(
            f"{self.root} (training)", self._training.counts, TRAINING_COUNTS, ACCESS
        )
        return {"training labels": self._training.digest, "counts of training": compared}

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """The faces of a split, in file order."""
        part = "val" if split == "test" else "train"
        several = self._validation.repeated if part == "val" else self._training.repeated
        named: set[str] = set()
        for face in self._annotations(part):
            face_id = f"{face.part}_{face.name}"
            if split == "test" or train_or_dev(face_id) == split:
                yield self._entry(face, face_id, named)
            if short_digest(face.name) in several:
                named.add(face_id)

    @cached_property
    def _training(self) -> Overview:
        return overview((face.name, face.code) for face in self._annotations("train"))

    @cached_property
    def _validation(self) -> Overview:
        return overview((face.name, face.code) for face in self._annotations("val"))

    def _entry(self, face: _Annotation, face_id: str, named: set[str]) -> SourceFace | LeftOut:
        if face_id in named:
            return LeftOut(face_id, REPEATED)
        label = CODES.get(face.code)
        if label is None:
            return LeftOut(face_id, NO_EMOTION)
        if label not in LABEL_SETS[self.label_set].labels:
            return LeftOut(face_id, OTHER_CLASS, label)
        return SourceFace(face_id, label, face.image, face.crop)

    def _annotations(self, part: str) -> Iterator[_Annotation]:
        if (self.root / FILE_LISTS / CSV_FILES[part]).is_file():
            return self._from_csv(part, self.root / FILE_LISTS / CSV_FILES[part])
        if (self.root / NPY_FOLDERS[part] / "annotations").is_dir():
            return _from_npy(part, self.root / NPY_FOLDERS[part])
        raise SourceError(
            f"no {self.root / FILE_LISTS / CSV_FILES[part]} and no "
            f"{self.root / NPY_FOLDERS[part] / 'annotations'}: AffectNet is expected in one of its "
            f"official layouts. {ACCESS}"
        )

    def _from_csv(self, part: str, path: Path) -> Iterator[_Annotation]:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = set(COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise SourceError(f"{path}:1: the columns {sorted(missing)} are missing")
            for number, line in enumerate(reader, start=2):
                yield self._csv_line(part, line, f"{path}:{number}")

    def _csv_line(self, part: str, line: Mapping[str, str], where: str) -> _Annotation:
        file = line["subDirectory_filePath"] or ""
        if not file or file.startswith("/") or ".." in file.split("/"):
            raise SourceError(f"{where}: {file[:80]!r} is not a path inside {IMAGES}")
        code, crop = _number(line["expression"], where), _crop(line)
        name = file.rpartition(".")[0].replace("/", "_")
        return _Annotation(part, name, code, self.root / IMAGES / file, crop)


def _from_npy(part: str, folder: Path) -> Iterator[_Annotation]:
    with os.scandir(folder / "annotations") as files:
        names = sorted(file.name for file in files if file.name.endswith("_exp.npy"))
    for file_name in names:
        name, path = file_name.removesuffix("_exp.npy"), folder / "annotations" / file_name
        try:
            value = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise SourceError(f"{path} is not a plain .npy file: {error}") from None
        code = _number(str(value.reshape(-1)[0]) if value.size == 1 else "", str(path))
        yield _Annotation(part, name, code, folder / "images" / f"{name}.jpg")


def _number(text: str | None, where: str) -> int:
    if text is None or not text.strip().isdecimal() or int(text) > 10:
        raise SourceError(f"{where}: expression {text!r} is not a class code 0..10")
    return int(text)


def _crop(line: Mapping[str, str]) -> Crop | None:
    """The annotated face with a margin; None where the release has no box (NULL or empty)."""
    try:
        left, top, width, height = (float(line[column]) for column in COLUMNS[1:5])
    except ValueError:
        return None
    if width <= 0 or height <= 0:
        return None
    edge = FACE_MARGIN * max(width, height)
    corners = (left - edge, top - edge, left + width + edge, top + height + edge)
    return (round(corners[0]), round(corners[1]), round(corners[2]), round(corners[3]))
