"""What a detector sees on one picture: a page to look at and a table for the terminal."""

from typing import Final

from PIL import Image
from rich.table import Column, Table

from tag_plugin.data.rows import DetectorInfo, FrameInfo
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.detections import Detection, Detections, Thresholds
from tag_plugin.report.lettering import LINE_HEIGHT, wrapped, write_lines
from tag_plugin.report.marked_face import detected_mark, marked_face

_MARGIN: Final = 12
_HOW: Final = {"whole": "the whole picture is the face", "found": "the face was found"}


def detected_picture(
    name: str, frame: Image.Image, made: FrameInfo, detections: Detections, detector: DetectorInfo
) -> Image.Image:
    """The face frame with the AUs that are on, and below it how it was made and what is grey."""
    thresholds = detector.thresholds
    marked = marked_face(frame, [*map(detected_mark, detections.on(thresholds))])
    lines = wrapped(
        "\n".join((name, framed_as(made), *filter(None, _readings(detections, detector)))),
        marked.width - 2 * _MARGIN,
    )
    height = marked.height + len(lines) * LINE_HEIGHT + 2 * _MARGIN
    page = Image.new("RGB", (marked.width, height), "white")
    page.paste(marked, (0, 0))
    write_lines(page, lines, _MARGIN, marked.height + _MARGIN)
    return page


def framed_as(made: FrameInfo) -> str:
    """How the frame was made, in words."""
    several = f"; the largest of {made.faces} faces" if (made.faces or 0) > 1 else ""
    return f"{_HOW.get(made.how, made.how)}: {made.side} pixels a side{several}"


def detection_table(detections: Detections, thresholds: Thresholds) -> Table:
    """Every AU: its probability, whether that is on, grey or off, and its side if it has one."""
    side = Column("side")
    table = Table(
        Column("AU", justify="right"), "name", Column("probability", justify="right"), "is", side,
    )  # fmt: skip
    for au, unit in ACTION_UNITS.items():
        if au not in detections.supported:
            table.add_row(str(au), unit.name, "-", "unsupported", "")
            continue
        measured = [each for each in detections.detections if each.au == au]
        for each in measured:
            words = (f"{each.probability:.3f}", _state(each, thresholds), each.side or "")
            table.add_row(str(au), unit.name, *words)
        if not measured:
            table.add_row(str(au), unit.name, "0.000", "off", "")
    return table


def _state(detection: Detection, thresholds: Thresholds) -> str:
    if detection.probability >= thresholds.on:
        return "on"
    return "grey" if detection.probability >= thresholds.grey else "off"


def _readings(detections: Detections, detector: DetectorInfo) -> tuple[str, ...]:
    thresholds = detector.thresholds
    grey = [each for each in detections.detections if _state(each, thresholds) == "grey"]
    unsupported = [f"AU{au}" for au in ACTION_UNITS if au not in detections.supported]
    return (
        "" if detections.on(thresholds) else "on: none",
        f"{detector.name} {detector.version}: on from {thresholds.on}, grey from {thresholds.grey}",
        f"grey: {', '.join(detected_mark(each).words for each in grey) or 'none'}",
        f"unsupported: {' '.join(unsupported) or 'none'}",
    )
