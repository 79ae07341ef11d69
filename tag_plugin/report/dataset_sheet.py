"""A contact sheet of rows: faces with the boxes of the AUs that are on, grouped by label."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Final
from zlib import crc32

from PIL import Image, ImageDraw, ImageFont

from tag_plugin.data.rows import Row
from tag_plugin.facs.boxes import BoxFrame, to_frame
from tag_plugin.facs.detections import Detection, Thresholds
from tag_plugin.report.contact_sheet import Tile, open_tile, sheet

TILE: Final = 224
COLUMNS: Final = 8
COLOURS: Final = ("#e41a1c", "#377eb8", "#4daf4a", "#984ea3", "#ff7f00", "#a65628")


def faces_sheet(
    rows: Iterable[Row], directory: Path, title: str, per_label: int, seed: int = 0
) -> Image.Image:
    """The sheet: each face 224 pixels wide, its AUs boxed and named, its id below.

    `per_label` faces of each label are drawn at random while the rows stream by.
    """
    chosen: defaultdict[str, list[tuple[int, int, Row]]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.label] += 1
        place = -crc32(f"{seed} {row.id}".encode(errors="surrogatepass"))
        push = heappush if counts[row.label] <= per_label else heappushpop
        push(chosen[row.label], (place, counts[row.label], row))
    groups = {
        f"{label} ({counts[label]})": [_tile(row, directory) for _, _, row in sorted(ranked)]
        for label, ranked in sorted(chosen.items())
    }
    return sheet(groups, title, TILE, COLUMNS)


def _tile(row: Row, directory: Path) -> Tile:
    thresholds = row.detector.thresholds if row.detector else Thresholds()
    boxes = () if row.detections is None else row.detections.on(thresholds)
    seen = " ".join(f"AU{au}" for au in sorted(each.au for each in boxes))
    return partial(_with_boxes, directory / row.image, boxes), f"{row.id} {seen or '-'}"


def _with_boxes(path: Path, boxes: Sequence[Detection]) -> Image.Image:
    face = open_tile(path)
    draw, font = ImageDraw.Draw(face), ImageFont.load_default(20)
    for number, detection in enumerate(boxes):
        colour = COLOURS[number % len(COLOURS)]
        x1, y1, x2, y2 = to_frame(detection.box, BoxFrame.ABSOLUTE)
        draw.rectangle((x1, y1, x2, y2), outline=colour, width=4)
        draw.text((x1 + 5, y1 + 2), f"AU{detection.au}", colour, font=font, stroke_width=1)
    return face
