"""A contact sheet of rows: faces with the AUs that are on, and what is said of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Final
from zlib import crc32

from PIL import Image

from tag_plugin.data.rows import NO_FACE, Row
from tag_plugin.facs.detections import Thresholds
from tag_plugin.report.contact_sheet import Card, open_tile, sheet
from tag_plugin.report.lettering import LINE_HEIGHT, wrapped, write_lines
from tag_plugin.report.marked_face import detected_mark, marked_face
from tag_plugin.trace.render import render

COLUMNS: Final = 2
MOST_FACES: Final = 160
"""On one sheet; with traces they take some 50 million pixels."""
_FACE: Final = 300
_TEXT: Final = 430
_GAP: Final = 14


def faces_sheet(
    rows: Iterable[Row],
    directory: Path,
    title: str,
    per_label: int,
    seed: int = 0,
    reasons: Mapping[str, str] | None = None,
) -> Image.Image:
    """The sheet: a face with its AUs, beside it its id, its label and its trace.

    Args:
        rows: `per_label` of each label are drawn at random while they stream by.
        directory: the dataset.
        title: stands above.
        per_label: so many faces of each label.
        seed: draws others.
        reasons: id -> why the row was dropped.

    Raises:
        ValueError: more than MOST_FACES faces.
    """
    groups: dict[str, list[Card]] = {}
    for name, chosen in _chosen(rows, per_label, seed).items():
        groups[name] = [
            partial(_card, row, directory, (reasons or {}).get(row.id)) for row in chosen
        ]
    if sum(map(len, groups.values())) > MOST_FACES:
        raise ValueError(
            f"{per_label} faces of each of {len(groups)} labels are more than {MOST_FACES} on one "
            f"sheet; next: --per-label {MOST_FACES // len(groups)}"
        )
    return sheet(groups, title, COLUMNS)


def _chosen(rows: Iterable[Row], per_label: int, seed: int) -> dict[str, list[Row]]:
    """Label and number of its rows -> those that are drawn."""
    chosen: defaultdict[str, list[tuple[int, int, Row]]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.label] += 1
        place = -crc32(f"{seed} {row.id}".encode(errors="surrogatepass"))
        push = heappush if counts[row.label] <= per_label else heappushpop
        push(chosen[row.label], (place, counts[row.label], row))
    return {
        f"{label} ({counts[label]})": [row for _, _, row in sorted(ranked)]
        for label, ranked in sorted(chosen.items())
    }


def _card(row: Row, directory: Path, reason: str | None) -> Image.Image:
    thresholds = row.detector.thresholds if row.detector else Thresholds()
    on = () if row.detections is None else row.detections.on(thresholds)
    marked = marked_face(open_tile(directory / row.image), [*map(detected_mark, on)], _FACE)
    lines = wrapped(_words(row, thresholds, reason), _TEXT)
    height = max(marked.height, len(lines) * LINE_HEIGHT) + _GAP
    page = Image.new("RGB", (marked.width + _TEXT + _GAP, height), "white")
    page.paste(marked, (0, 0))
    write_lines(page, lines, marked.width, 0)
    return page


def _words(row: Row, thresholds: Thresholds, reason: str | None) -> str:
    """Label and id, why the row was dropped, which AUs are undecided, and the trace."""
    if row.detections is None:
        undecided = f"{NO_FACE} found" if row.detector else "no detector has looked yet"
    else:
        aus = sorted(row.detections.undecided(thresholds))
        undecided = f"undecided: {' '.join(f'AU{au}' for au in aus) or 'none'}"
    said = "no trace" if row.trace is None else render(row.trace)
    dropped = [f"DROPPED: {reason}"] if reason else []
    return "\n".join([f"{row.label}   {row.id}", *dropped, undecided, "", said])
