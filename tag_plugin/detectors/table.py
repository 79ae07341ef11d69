"""Detections from the CSV tables of OpenFace 2.2, LibreFace and py-feat."""

import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from typing import Final

from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.detectors.base import (
    Detector,
    DetectorError,
    NoDetectionsError,
    ReadImage,
    detections_in_frame,
    file_sha256,
)
from tag_plugin.detectors.mediapipe import MediapipeDetector
from tag_plugin.detectors.regions import region_boxes
from tag_plugin.detectors.table_columns import MAP_VERSION
from tag_plugin.detectors.table_faces import TableFace, table_faces, table_header
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.facs.detections import Detections, Thresholds

BOXES: Final = ("landmarks", "mesh")
_SUFFIX: Final = re.compile(r"\.(jpe?g|png|bmp|webp|tiff?)$", re.IGNORECASE)

Name = tuple[str, ...]
"""A picture's folders and its name without the ending."""


class TableDetector(Detector):
    """Looks a face up by its picture's name; `table_columns` says how values become probabilities.

    A line belongs to the picture that its column names: `input` (py-feat), or the one given. A
    table without such a column is of one picture, and the file is called as the picture is. Names
    are compared without their ending and folders; folders decide where two have the same name. Of
    several faces in a picture the largest is taken. A line with a cell that is no value is named
    when its picture is asked for.

    Args:
        file: a CSV, or a folder of them.
        column: the column with the picture's name or path.
        boxes: "landmarks", the table's own; "mesh", MediaPipe's, found in the picture.
        side: pixels of the square pictures that the tool saw; face frames have 448.
        thresholds: recorded with every row.

    Raises:
        DetectorError: not such tables, lines without a picture, one face with two answers.
    """

    by_id = True

    def __init__(
        self,
        file: str | Path,
        column: str | None = None,
        boxes: str = "landmarks",
        side: int | str = FACE_FRAME,
        thresholds: Thresholds | None = None,
    ) -> None:
        if boxes not in BOXES:
            raise DetectorError(f"boxes={boxes!r}; next: --option boxes=landmarks or boxes=mesh")
        self._path, self._column = Path(file), column
        self._side = None if boxes == "mesh" else _pixels(side)
        self._faces: dict[str, dict[Name, TableFace]] = {}
        self._tools: set[str] = set()
        tables = _tables(self._path)
        self.supported = frozenset[int]().union(*map(self._read, tables))
        self._check_usable()
        self._mesh = MediapipeDetector() if boxes == "mesh" else None
        version = f"{'-'.join(sorted(self._tools))}+map{MAP_VERSION}"
        self.info = DetectorInfo(
            name="table",
            version=f"{version}+mediapipe-{self._mesh.info.version}" if self._mesh else version,
            model_sha256=_sha256(self._path, tables),
            thresholds=thresholds or Thresholds(),
        )

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """What the table says of this row's picture.

        Raises:
            NoDetectionsError: it has no line for it, or one that cannot be used.
        """
        face = self._face(row)
        if face.problem:
            raise NoDetectionsError(f"{face.where}: {face.problem}")
        if not face.aus:
            return None
        boxes = face.boxes()
        if self._mesh is not None:
            measured = self._mesh.face(read())
            if measured is None:
                return None
            boxes = region_boxes(measured[0][:, :2])
        return detections_in_frame(dict(zip(face.aus, face.probabilities, strict=True)), boxes)

    def close(self) -> None:
        """Release the mesh's model."""
        if self._mesh is not None:
            self._mesh.close()

    def _read(self, table: Path) -> frozenset[int]:
        """Keep the faces of a table; returns its AUs."""
        columns = table_header(table, self._column)
        if columns.landmarks is None and self._side is not None:
            raise DetectorError(f"{table}: no landmarks; next: --option boxes=mesh")
        self._tools.add(columns.tool)
        root = self._path if self._path.is_dir() else table.parent
        own_name = str(table.relative_to(root).with_suffix(""))
        empty = True
        for picture, face in table_faces(table, columns, self._side):
            empty = False
            self._add(own_name if columns.picture is None else picture, face)
        if empty and columns.picture is None:  # what OpenFace leaves of a picture without a face
            self._add(own_name, TableFace(str(table)))
        return frozenset(columns.aus)

    def _add(self, picture: str, face: TableFace) -> None:
        name = _name(picture)
        if not name:
            raise DetectorError(f"{face.where}: no picture's name; next: write the table again")
        faces = self._faces.setdefault(name[-1], {})
        other = faces.setdefault(name, face)
        if other.frame != face.frame:
            raise DetectorError(
                f"{face.where}: frame {face.frame} of {picture!r}, whose frame {other.frame} is at "
                f"{other.where}: a table of a video; next: one table a picture (OpenFace: "
                "FaceLandmarkImg -fdir), or --option column=NAME with the pictures' names"
            )
        if other.face == face.face and not other.says_the_same(face):
            raise DetectorError(
                f"{face.where}: the same face of {picture!r} as at {other.where}, with other "
                "values; next: take one of them out"
            )
        faces[name] = max(other, face, key=attrgetter("size"))

    def _check_usable(self) -> None:
        faces = [face for named in self._faces.values() for face in named.values()]
        if not faces:
            raise DetectorError(f"{self._path}: no line below the header; next: another file=CSV")
        if all(face.problem for face in faces):
            raise DetectorError(f"{faces[0].where}: {faces[0].problem} (no line can be used)")

    def _face(self, row: Row) -> TableFace:
        """The line of a row's picture: the one whose name and folders are the most alike."""
        image, own = _name(row.image), _name(row.id)
        needed = len(own) if image[-len(own) :] == own else 1
        alike = {name: _alike(name, image) for name in self._faces.get(image[-1], {})}
        best = max(alike.values(), default=0)
        names = [name for name, count in alike.items() if count == best >= needed]
        if len(names) != 1:
            problem = "several lines with the name of" if names else "no line for"
            raise NoDetectionsError(
                f"{self._path} has {problem} the picture {row.image!r}; next: run the tool over "
                "the face frames, or --option column=NAME with the pictures' paths"
            )
        return self._faces[image[-1]][names[0]]


def _tables(path: Path) -> Sequence[Path]:
    if not path.exists():
        raise DetectorError(f"no file {path}; next: --option file=CSV, or a folder of them")
    tables = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    if not tables:
        raise DetectorError(f"no .csv in {path}; next: --option file=CSV, or a folder of them")
    return tables


def _sha256(path: Path, tables: Sequence[Path]) -> str:
    """Of the file; of a folder that of its files' names and hashes."""
    if tables == [path]:
        return file_sha256(path)
    lines = (f"{table.relative_to(path)} {file_sha256(table)}\n" for table in tables)
    return sha256("".join(lines).encode()).hexdigest()


def _pixels(side: int | str) -> int:
    try:
        if (pixels := int(side)) > 0:
            return pixels
    except ValueError:
        pass  # said below
    raise DetectorError(f"side={side!r}: no number of pixels; next: --option side={FACE_FRAME}")


def _name(path: str) -> Name:
    return tuple(
        part for part in _SUFFIX.sub("", path.strip()).replace("\\", "/").split("/") if part
    )


def _alike(first: Name, second: Name) -> int:
    """How many last parts are the same."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
