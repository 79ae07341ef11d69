from io import StringIO

import pytest
from PIL import Image
from rich.console import Console

from tag_plugin.data.rows import DetectorInfo, FrameInfo
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections, Thresholds
from tag_plugin.report import detected_picture as detected_picture_module
from tag_plugin.report.detected_picture import detected_picture, detection_table

BOX = Box(100, 100, 400, 400)
FACE = Detections(
    detections=(
        Detection(au=12, probability=0.9, box=BOX, side="left"),
        Detection(au=6, probability=0.499, box=BOX),
        Detection(au=4, probability=0.1, box=BOX),
    ),
    supported=frozenset({4, 6, 9, 12}),
)
NOBODY = Detections(detections=(), supported=frozenset({4}))
MADE = FrameInfo(side=212, how="found", faces=3, phash="0" * 16)


def lines_of(table):
    console = Console(file=StringIO(), width=100)
    console.print(table)
    return [line.split("│")[1:-1] for line in console.file.getvalue().splitlines() if "│" in line]


def test_the_table_says_of_every_au_what_it_is():
    rows = {int(cells[0]): [cell.strip() for cell in cells[1:]] for cells in lines_of(
        detection_table(FACE, Thresholds())
    )}  # fmt: skip
    assert list(rows) == list(ACTION_UNITS)
    assert rows[12] == ["lip corner puller", "0.900", "on", "left"]
    assert rows[6] == ["cheek raiser", "0.499", "grey", ""]
    assert rows[4] == ["brow lowerer", "0.100", "off", ""]
    assert rows[9] == ["nose wrinkler", "0.000", "off", ""]
    assert rows[1] == ["inner brow raiser", "-", "unsupported", ""]


@pytest.mark.parametrize(
    ("face", "words"),
    [
        (FACE, ["a.jpg", "found: 212 pixels", "largest of 3 faces", "grey: AU6 cheek raiser 0.49"]),
        (NOBODY, ["on: none", "grey: none", "unsupported: AU1 AU2 AU5"]),
    ],
)
def test_the_drawing_says_what_the_boxes_do_not(monkeypatch, face, words):
    written = []
    monkeypatch.setattr(
        detected_picture_module, "write_lines", lambda page, lines, *_: written.extend(lines)
    )
    frame, info = Image.new("RGB", (448, 448)), DetectorInfo(name="hand", version="1")
    page = detected_picture("a.jpg", frame, MADE, face, info)
    assert page.height > 448
    assert all(any(word in line for line in written) for word in words)
