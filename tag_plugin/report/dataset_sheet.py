"""A contact sheet of rows: faces with the boxes of the AUs that are on, grouped by label."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

from PIL import Image, ImageDraw, ImageFont

from tag_plugin.data.rows import Row
from tag_plugin.facs.boxes import BoxFrame, to_frame
from tag_plugin.facs.detections import Detection, Thresholds
from tag_plugin.report.contact_sheet import open_tile, sheet

TILE: Final = 224
COLUMNS: Final = 8
COLOURS: Final = ("#e41a1c", "#377eb8", "#4daf4a", "#984ea3", "#ff7f00", "#a65628")


@dataclass(frozen=True, slots=True)
class FaceTile:
    """One face with its row."""

    image: Path
    caption: str
    boxes: Sequence[Detection]


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one label."""

    title: str
    examples: Sequence[FaceTile]


def sample(rows: Iterable[Row], directory: Path, per_label: int, seed: int = 0) -> list[Faces]:
    """`per_label` faces of each label, drawn at random while the rows stream by."""
    chosen: dict[str, list[tuple[int, str, FaceTile]]] = {}
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.label] = counts.get(row.label, 0) + 1
        place = -crc32(f"{seed} {row.id}".encode(errors="surrogatepass"))
        heap = chosen.setdefault(row.label, [])
        if len(heap) < per_label or place > heap[0][0]:
            heapq.heappush(heap, (place, row.id, _tile(row, directory)))
            if len(heap) > per_label:
                heapq.heappop(heap)
    return [
        Faces(f"{label} ({counts[label]})", [tile for _, _, tile in sorted(chosen[label])])
        for label in sorted(chosen)
    ]


def faces_sheet(groups: Sequence[Faces], title: str) -> Image.Image:
    """The sheet: each face 224 pixels wide, its AUs boxed and named, its id below."""
    boxes = {tile.image: tile.boxes for group in groups for tile in group.examples}
    return sheet(groups, title, TILE, COLUMNS, lambda path: _with_boxes(path, boxes[path]))


def _tile(row: Row, directory: Path) -> FaceTile:
    thresholds = row.detector.thresholds if row.detector else Thresholds()
    boxes = () if row.detections is None else row.detections.on(thresholds)
    seen = " ".join(f"AU{detection.au}" for detection in sorted(boxes, key=lambda each: each.au))
    return FaceTile(directory / row.image, f"{row.id} {seen or '-'}", boxes)


def _with_boxes(path: Path, boxes: Sequence[Detection]) -> Image.Image:
    face = open_tile(path)
    draw = ImageDraw.Draw(face)
    font = ImageFont.load_default(20)
    for number, detection in enumerate(boxes):
        colour = COLOURS[number % len(COLOURS)]
        x1, y1, x2, y2 = to_frame(detection.box, BoxFrame.ABSOLUTE)
        draw.rectangle((x1, y1, x2, y2), outline=colour, width=4)
        draw.text((x1 + 5, y1 + 2), f"AU{detection.au}", colour, font=font, stroke_width=1)
    return face
