"""RAF-DB, basic emotions, in its official layout or as class folders.

    ROOT/EmoLabel/list_patition_label.txt     lines `train_00001.jpg 5` (the name is RAF-DB's own)
    ROOT/Image/aligned/train_00001_aligned.jpg     100x100
    ROOT/Image/original/train_00001.jpg            the whole photograph
    ROOT/Annotation/manual/train_00001_manu_attri.txt     five landmarks, gender, race and age

    ROOT/DATASET/{train,test}/{1..7}/train_00001_aligned.jpg     the other layout in common use
    ROOT/{train,valid,test}/{1..7}/...                           a copy with a dev split of its own

Where the manual annotations are there, gender, race and age stay on the row, and the landmarks
say where the face of a whole photograph is; without them it is looked for.

There is no official validation split: dev is a fixed twentieth of train, where a copy has none.
Source: Li, Deng and Du, "Reliable crowdsourcing and deep locality-preserving learning for
expression recognition in the wild", CVPR 2017, and the release's readme.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.face_frame import Crop
from tag_plugin.data.file_names import (
    SUFFIXES,
    find_inside,
    folders,
    is_leftover,
    split_names,
    split_of_name,
)
from tag_plugin.data.rows import Split
from tag_plugin.data.source import (
    LeftOut,
    Pictures,
    SourceError,
    SourceFace,
    by_label,
    compare_counts,
    train_or_dev,
)
from tag_plugin.data.text_file import text_lines
from tag_plugin.facs.emotions import LABEL_SETS

ANNOTATIONS: Final = Path("Annotation", "manual")

ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "gender": ("male", "female", "unsure"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age": ("0-3", "4-19", "20-39", "40-69", "70+"),
}
"""The attributes in the order of their lines, each with the names of its codes 0, 1, ..."""

_POINTS: Final = 5
FACE_OVER_FEATURES: Final = 2.2
"""Side of the crop over the larger side of the landmarks' box: eyes to mouth is half a face."""
FARTHEST: Final = 100_000
"""Pixels from the corner of a photograph within which a landmark lies."""


def read_annotation(path: Path) -> tuple[Crop, Mapping[str, str]] | None:
    """The crop and the attributes of one annotation file; None where there is none.

    Raises:
        SourceError: it has other lines; the message names the file.
    """
    if not path.is_file():
        return None
    try:
        values = [line.split() for _, line in text_lines(path)]
        points = [(float(x), float(y)) for x, y in values[:_POINTS]]
        codes = [int(code) for (code,) in values[_POINTS : _POINTS + len(ATTRIBUTES)]]
        named = zip(ATTRIBUTES.items(), codes, strict=True)
        return _crop(points), {name: names[code] for (name, names), code in named if code >= 0}
    except (ValueError, IndexError, OverflowError) as error:
        raise SourceError(
            f"{path}: expected {_POINTS} lines with x and y, then the codes of gender, race and "
            f"age: {error}"
        ) from None


def _crop(points: list[tuple[float, float]]) -> Crop:
    """A square around the landmarks that holds the whole face."""
    if len(points) != _POINTS:
        raise ValueError(f"{len(points)} landmarks")
    across, down = zip(*points, strict=True)
    if not all(abs(value) <= FARTHEST for value in (*across, *down)):  # nan is refused as well
        raise ValueError(f"landmarks that lie in no picture: {points}")
    extent = max(max(across) - min(across), max(down) - min(down), 1.0)
    half = FACE_OVER_FEATURES * extent / 2
    x, y = (max(across) + min(across)) / 2, (max(down) + min(down)) / 2
    return (round(x - half), round(y - half), round(x + half), round(y + half))


CODES: Final[Mapping[str, str]] = {
    str(code): label for code, label in enumerate(LABEL_SETS["rafdb"].labels, start=1)
}
"""1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral."""

OFFICIAL_COUNTS: Final[Mapping[str, Mapping[str, int]]] = {
    "train": by_label("rafdb", 1290, 281, 717, 4772, 1982, 705, 2524),
    "test": by_label("rafdb", 329, 74, 160, 1185, 478, 162, 680),
}
ACCESS = BENCHMARKS["rafdb"].access
LIST_FILE = Path("EmoLabel", "list_patition_label.txt")
REPEATED, BAD_ANNOTATION = "image named before", "annotation of another shape"
NO_PICTURE = "not a picture by its name"


class RafDbImages(StrEnum):
    """Which pictures of the official layout: aligned 100x100 faces, or whole photographs."""

    ALIGNED = "aligned"
    ORIGINAL = "original"


_Listed = tuple[Split, SourceFace]
"""A face of the list or of the folders, as far as its file, and its split."""


@dataclass(frozen=True)
class RafDb:
    """The reader of one RAF-DB directory.

    Raises:
        SourceError: neither layout, a label that is not one of the seven basic ones, or class
            codes that are permuted.
    """

    root: Path
    images: RafDbImages = RafDbImages.ALIGNED
    dataset: str = "rafdb"
    label_set: str = "rafdb"

    @property
    def pictures(self) -> Pictures:
        """Aligned faces, or whole photographs."""
        return Pictures.FACES if self.images is RafDbImages.ALIGNED else Pictures.SCENES

    def __post_init__(self) -> None:
        _ = self.settings

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The pictures, the content of the label list, and how the counts compare."""
        names = "\n".join(f"{face.id} {face.label}" for _, face in self._faces)
        return {
            "images": self.images.value,
            "labels": hashlib.sha256(names.encode()).hexdigest(),
            "annotations": "manual" if self._annotations.is_dir() else "none",
            **{
                f"counts of {part}": compare_counts(
                    f"{self.root} ({part})", self._counts(part), OFFICIAL_COUNTS[part], ACCESS
                )
                for part in OFFICIAL_COUNTS
            },
        }

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """The faces of a split, in file order."""
        named: set[str] = set()
        for face in (face for own, face in self._faces if own == split):
            yield LeftOut(face.id, REPEATED) if face.id in named else self._annotated(face)
            named.add(face.id)

    def _annotated(self, face: SourceFace) -> SourceFace | LeftOut:
        if isinstance(face.image, Path) and face.image.suffix.lower() not in SUFFIXES:
            return LeftOut(face.id, NO_PICTURE, str(face.image))
        try:
            annotation = read_annotation(self._annotations / f"{face.id}_manu_attri.txt")
        except SourceError as error:
            return LeftOut(face.id, BAD_ANNOTATION, str(error))
        if annotation is None:
            return face
        crop, attributes = annotation
        whole = self.images is RafDbImages.ORIGINAL
        return replace(face, crop=crop if whole else None, attributes=attributes)

    @property
    def _annotations(self) -> Path:
        return find_inside(self.root, *ANNOTATIONS.parts)

    @cached_property
    def _faces(self) -> tuple[_Listed, ...]:
        """Every face; dev is held out from train where the copy has none."""
        labels = find_inside(self.root, *LIST_FILE.parts)
        parts = {} if labels.is_file() else _part_folders(self.root)
        if not labels.is_file() and not parts:
            raise SourceError(
                f"no {self.root / LIST_FILE} and no {self.root}/DATASET/train/1 .. 7: RAF-DB is "
                f"expected in one of these layouts. {ACCESS}"
            )
        faces = tuple(self._listed(labels) if labels.is_file() else _foldered(parts))
        if any(part == "dev" for part, _ in faces):
            return faces
        return tuple(
            (train_or_dev(face.id) if part == "train" else part, face) for part, face in faces
        )

    def _listed(self, path: Path) -> Iterator[_Listed]:
        end = "_aligned.jpg" if self.images is RafDbImages.ALIGNED else ".jpg"
        for where, line in text_lines(path):
            part, name, code = _parsed(line, where)
            image = self.root / "Image" / self.images.value / f"{name}{end}"
            yield part, SourceFace(name, CODES[code], image)

    def _counts(self, part: str) -> Counter[str]:
        """Faces of each class; dev is a part of the published train."""
        splits = ("train", "dev") if part == "train" else (part,)
        return Counter(face.label for split, face in self._faces if split in splits)


def holds_rafdb(root: Path) -> bool:
    """Whether a folder looks like RAF-DB's."""
    return find_inside(root, *LIST_FILE.parts).is_file() or bool(_part_folders(root))


def _parsed(line: str, where: str) -> tuple[Split, str, str]:
    file, code = line.split() if len(line.split()) == 2 else (line, "")
    name = Path(file).stem.removesuffix("_aligned")
    parts: tuple[Split, ...] = ("train", "test")
    part = next((each for each in parts if name.startswith(f"{each}_")), None)
    if part is None or "/" in file or "\\" in file or code not in CODES:
        raise SourceError(
            f"{where}: {line.strip()[:80]!r} is not `train_00001.jpg 5` with a label 1..7. The "
            "list of compound emotions has the same name and labels up to 11; next: use the one of "
            "the basic release"
        )
    return part, name, code


def _part_folders(root: Path) -> Mapping[Split, Path]:
    """The folders of the parts that have class folders 1 .. 7; empty without train and another."""
    for folder in (find_inside(root, "DATASET"), root):
        names = (name for name in folders(folder) if split_of_name(name))
        whole = (name for name in names if set(CODES) <= set(folders(folder / name)))
        parts = split_names(whole, str(folder), "keep one")
        if "train" in parts and len(parts) > 1:
            return {split: folder / name for split, name in parts.items()}
    return {}


def _foldered(parts: Mapping[Split, Path]) -> Iterator[_Listed]:
    order: tuple[Split, ...] = ("train", "test", "dev")
    for part in (part for part in order if part in parts):
        for code, label in CODES.items():
            images = sorted((parts[part] / code).iterdir())
            for image in (each for each in images if not is_leftover(each.name)):
                name = image.stem.removesuffix("_aligned").removeprefix(f"{part}_")
                yield part, SourceFace(f"{part}_{name}", label, image)
