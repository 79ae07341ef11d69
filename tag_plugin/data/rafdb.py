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
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.file_names import SUFFIXES, find_inside, folders, is_leftover, split_of_name
from tag_plugin.data.published_counts import compare_counts, train_or_dev
from tag_plugin.data.rafdb_annotation import ANNOTATIONS, read_annotation
from tag_plugin.data.rows import Split
from tag_plugin.data.source import LeftOut, Pictures, SourceError, SourceFace
from tag_plugin.data.text_file import text_lines
from tag_plugin.facs.emotions import LABEL_SETS

CODES: Final[Mapping[str, str]] = {
    str(code): label for code, label in enumerate(LABEL_SETS["rafdb"].labels, start=1)
}
"""1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral."""

OFFICIAL_COUNTS: Final[Mapping[str, Mapping[str, int]]] = {
    part: dict(zip(LABEL_SETS["rafdb"].labels, counts, strict=True))
    for part, counts in {
        "train": (1290, 281, 717, 4772, 1982, 705, 2524),
        "test": (329, 74, 160, 1185, 478, 162, 680),
    }.items()
}
ACCESS = BENCHMARKS["rafdb"].access
LIST_FILE = Path("EmoLabel", "list_patition_label.txt")
REPEATED, BAD_ANNOTATION = "image named before", "annotation of another shape"
NO_PICTURE = "not a picture by its name"


class RafDbImages(StrEnum):
    """Which pictures of the official layout: aligned 100x100 faces, or whole photographs."""

    ALIGNED = "aligned"
    ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class _Listed:
    """One face of the list or of the folders; `part` is train, test, or dev where a copy has it."""

    part: Split
    name: str
    label: str
    image: Path


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
        names = "\n".join(f"{face.name} {face.label}" for face in self._faces)
        compared = {
            f"counts of {part}": compare_counts(
                f"{self.root} ({part})", self._counts(part), OFFICIAL_COUNTS[part], ACCESS
            )
            for part in OFFICIAL_COUNTS
        }
        digest = hashlib.sha256(names.encode()).hexdigest()
        annotated = self._annotations.is_dir()
        manual = {"annotations": "manual" if annotated else "none"}
        return {"images": self.images.value, "labels": digest, **manual, **compared}

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """The faces of a split, in file order."""
        named: set[str] = set()
        for face in self._faces:
            if self._split_of(face) != split:
                continue
            if face.name in named:
                yield LeftOut(face.name, REPEATED)
                continue
            named.add(face.name)
            yield self._face(face)

    def _face(self, face: _Listed) -> SourceFace | LeftOut:
        if face.image.suffix.lower() not in SUFFIXES:
            return LeftOut(face.name, NO_PICTURE, str(face.image))
        try:
            annotation = read_annotation(self._annotations / f"{face.name}_manu_attri.txt")
        except SourceError as error:
            return LeftOut(face.name, BAD_ANNOTATION, str(error))
        if annotation is None:
            return SourceFace(face.name, face.label, face.image)
        crop = annotation.crop if self.images is RafDbImages.ORIGINAL else None
        return SourceFace(face.name, face.label, face.image, crop, attributes=annotation.attributes)

    @property
    def _annotations(self) -> Path:
        return find_inside(self.root, *ANNOTATIONS.parts)

    @cached_property
    def _faces(self) -> tuple[_Listed, ...]:
        labels = find_inside(self.root, *LIST_FILE.parts)
        if labels.is_file():
            return tuple(self._listed(labels))
        parts = _part_folders(self.root)
        if parts:
            return tuple(_foldered(parts))
        raise SourceError(
            f"no {self.root / LIST_FILE} and no {self.root}/DATASET/train/1 .. 7: RAF-DB is "
            f"expected in one of these layouts. {ACCESS}"
        )

    @cached_property
    def _has_dev(self) -> bool:
        return any(face.part == "dev" for face in self._faces)

    def _listed(self, path: Path) -> Iterator[_Listed]:
        aligned = self.images is RafDbImages.ALIGNED
        for where, line in text_lines(path):
            part, name, code = _parsed(line, where)
            file = f"{name}_aligned.jpg" if aligned else f"{name}.jpg"
            image = self.root / "Image" / self.images.value / file
            yield _Listed(part, name, CODES[code], image)

    def _split_of(self, face: _Listed) -> Split:
        if face.part != "train" or self._has_dev:
            return face.part
        return train_or_dev(face.name)

    def _counts(self, part: str) -> Counter[str]:
        """Faces of each class; a dev split that a copy has is a part of the published train."""
        of = ("train", "dev") if part == "train" else (part,)
        return Counter(face.label for face in self._faces if face.part in of)


def holds_rafdb(root: Path) -> bool:
    """Whether a folder looks like RAF-DB's."""
    return find_inside(root, *LIST_FILE.parts).is_file() or bool(_part_folders(root))


def _parsed(line: str, where: str) -> tuple[Split, str, str]:
    file, code = (line.split() + ["", ""])[:2] if len(line.split()) == 2 else (line, "")
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
        parts: dict[Split, Path] = {}
        for name in folders(folder):
            split = split_of_name(name)
            if split and set(CODES) <= set(folders(folder / name)):
                if split in parts:
                    raise SourceError(
                        f"{folder / name} and {parts[split]} are both {split}; next: keep one"
                    )
                parts[split] = folder / name
        if "train" in parts and len(parts) > 1:
            return parts
    return {}


def _foldered(parts: Mapping[Split, Path]) -> Iterator[_Listed]:
    order: tuple[Split, ...] = ("train", "test", "dev")
    for part in (part for part in order if part in parts):
        for code, label in CODES.items():
            for image in sorted((parts[part] / code).iterdir()):
                if is_leftover(image.name):
                    continue
                name = image.stem.removesuffix("_aligned")
                own = name if name.startswith(f"{part}_") else f"{part}_{name}"
                yield _Listed(part, own, label, image)
