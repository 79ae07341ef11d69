"""RAF-DB, basic emotions, in its official layout or as class folders.

    ROOT/EmoLabel/list_patition_label.txt     lines `train_00001.jpg 5` (the name is RAF-DB's own)
    ROOT/Image/aligned/train_00001_aligned.jpg     100x100
    ROOT/Image/original/train_00001.jpg            the whole photograph
    ROOT/Annotation/manual/train_00001_manu_attri.txt     five landmarks, gender, race and age

    ROOT/DATASET/{train,test}/{1..7}/train_00001_aligned.jpg     the other layout in common use

Where the manual annotations are there, gender, race and age stay on the row, and the landmarks
say where the face of a whole photograph is; without them it is looked for.

There is no official validation split: dev is a fixed twentieth of train.
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
from types import MappingProxyType

from tag_plugin.data.official import compare_counts, train_or_dev
from tag_plugin.data.rafdb_annotation import ANNOTATIONS, read_annotation
from tag_plugin.data.rows import Split
from tag_plugin.data.source import LeftOut, Pictures, SourceError, SourceFace
from tag_plugin.facs.emotions import LABEL_SETS

CODES: Mapping[str, str] = MappingProxyType(
    {str(code): label for code, label in enumerate(LABEL_SETS["rafdb"].labels, start=1)}
)
"""1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral."""

OFFICIAL_COUNTS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        part: MappingProxyType(dict(zip(LABEL_SETS["rafdb"].labels, counts, strict=True)))
        for part, counts in {
            "train": (1290, 281, 717, 4772, 1982, 705, 2524),
            "test": (329, 74, 160, 1185, 478, 162, 680),
        }.items()
    }
)
ACCESS = (
    "RAF-DB is for non-commercial research: request it from its authors at "
    "http://www.whdeng.cn/RAF/model1.html with an institutional address"
)
LIST_FILE = Path("EmoLabel", "list_patition_label.txt")
REPEATED, BAD_ANNOTATION = "image named before", "annotation of another shape"


class RafDbImages(StrEnum):
    """Which pictures of the official layout: aligned 100x100 faces, or whole photographs."""

    ALIGNED = "aligned"
    ORIGINAL = "original"


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
        names = "\n".join(f"{name} {label}" for name, label, _ in self._faces)
        compared = {
            f"counts of {part}": compare_counts(
                f"{self.root} ({part})", self._counts(part), OFFICIAL_COUNTS[part], ACCESS
            )
            for part in OFFICIAL_COUNTS
        }
        digest = hashlib.sha256(names.encode()).hexdigest()
        annotated = (self.root / ANNOTATIONS).is_dir()
        known = {"annotations": "manual" if annotated else "none"}
        return {"images": self.images.value, "labels": digest, **known, **compared}

    def entries(self, split: Split) -> Iterator[SourceFace | LeftOut]:
        """The faces of a split, in file order."""
        named: set[str] = set()
        for name, label, image in self._faces:
            if _split_of(name) != split:
                continue
            if name in named:
                yield LeftOut(name, REPEATED)
                continue
            named.add(name)
            yield self._face(name, label, image)

    def _face(self, name: str, label: str, image: Path) -> SourceFace | LeftOut:
        try:
            known = read_annotation(self.root / ANNOTATIONS / f"{name}_manu_attri.txt")
        except SourceError as error:
            return LeftOut(name, BAD_ANNOTATION, str(error))
        if known is None:
            return SourceFace(name, label, image)
        crop = known.crop if self.images is RafDbImages.ORIGINAL else None
        return SourceFace(name, label, image, crop, attributes=known.attributes)

    @cached_property
    def _faces(self) -> tuple[tuple[str, str, Path], ...]:
        """(name, label, picture) of every face."""
        if (self.root / LIST_FILE).is_file():
            return tuple(self._listed(self.root / LIST_FILE))
        for folder in (self.root / "DATASET", self.root):
            if all((folder / part / code).is_dir() for part in OFFICIAL_COUNTS for code in CODES):
                return tuple(_foldered(folder))
        raise SourceError(
            f"no {self.root / LIST_FILE} and no {self.root}/DATASET/train/1 .. 7: RAF-DB is "
            f"expected in one of these layouts. {ACCESS}"
        )

    def _listed(self, path: Path) -> Iterator[tuple[str, str, Path]]:
        aligned = self.images is RafDbImages.ALIGNED
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            name, code = _parsed(line, f"{path}:{number}")
            file = f"{name}_aligned.jpg" if aligned else f"{name}.jpg"
            yield name, CODES[code], self.root / "Image" / self.images.value / file

    def _counts(self, part: str) -> Counter[str]:
        return Counter(label for name, label, _ in self._faces if name.startswith(f"{part}_"))


def _parsed(line: str, where: str) -> tuple[str, str]:
    file, _, code = line.strip().partition(" ")
    name, known = Path(file).stem, file.startswith(("train_", "test_"))
    if not known or "/" in file or code not in CODES:
        raise SourceError(
            f"{where}: {line.strip()[:80]!r} is not `train_00001.jpg 5` with a label 1..7. The "
            "list of compound emotions has the same name and labels up to 11; next: use the one of "
            "the basic release"
        )
    return name, code


def _foldered(folder: Path) -> Iterator[tuple[str, str, Path]]:
    for part in OFFICIAL_COUNTS:
        for code, label in CODES.items():
            for image in sorted((folder / part / code).iterdir()):
                name = image.stem.removesuffix("_aligned")
                yield (name if name.startswith(f"{part}_") else f"{part}_{name}"), label, image


def _split_of(name: str) -> Split:
    return "test" if name.startswith("test_") else train_or_dev(name)
