"""Putting the detector's boxes into a writer's prose."""

import re
from collections.abc import Sequence
from typing import Final

from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detection
from tag_plugin.trace.claims import BOX_TAG
from tag_plugin.trace.grammar import ARROW, ARROWS, INSPECT
from tag_plugin.trace.render import render_box

_UNIT = re.compile(r"AU\s?(\d{1,4})\b", re.IGNORECASE)
INSERTED_FRAME: Final = BoxFrame.RELATIVE
"""The frame of inserted boxes: the stored one, so that nothing is rounded."""


def with_boxes(text: str, present: Sequence[Detection]) -> tuple[str, tuple[int, ...]]:
    """Each `Inspect` line with the next box that was found for its AU, in the relative frame.

    A box that the writer gave is replaced. A line whose AU was not found, or was inspected before
    as often as it was found, gets none: the judge then says so.

    Returns:
        The text, and the AUs that were inspected though no box is left for them.
    """
    left: dict[int, list[Box]] = {}
    for detection in present:
        left.setdefault(detection.au, []).append(detection.box)
    surplus: list[int] = []
    completed = "\n".join(_completed(line, left, surplus) for line in text.splitlines())
    return completed, tuple(surplus)


def _completed(line: str, left: dict[int, list[Box]], surplus: list[int]) -> str:
    if not line.lstrip().startswith(INSPECT):
        return line
    prose = _without_box(line).rstrip()
    unit = _UNIT.search(prose)
    if unit is None:
        return prose
    au = int(unit[1])
    if not left.get(au):
        surplus.append(au)
        return prose
    return f"{prose} {ARROW} {render_box(left[au].pop(0), INSERTED_FRAME)}"


def _without_box(line: str) -> str:
    arrows = list(ARROWS.finditer(line))
    if arrows and BOX_TAG.search(line, arrows[-1].end()):
        return line[: arrows[-1].start()]
    return line
