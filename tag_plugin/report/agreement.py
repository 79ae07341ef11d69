"""Two detectors side by side: a table for the terminal and a picture."""

from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from rich.table import Table

from tag_plugin.detectors.agreement import Agreement, AuAgreement
from tag_plugin.facs.action_units import action_unit
from tag_plugin.report.contact import write_sheet

_ROW, _NAME, _BAR, _GAP, _HEAD = 30, 210, 190, 60, 96  # pixels
_FONT: Final = 14
_MEASURES: Final = (("agreement", "#4575b4"), ("kappa", "#d7301f"), ("box IoU", "#1a9850"))


def agreement_table(agreement: Agreement) -> Table:
    """A row an AU."""
    first, second = agreement.names
    both, only_first, only_second, none = agreement.faces
    table = Table(
        title=f"A: {first}   B: {second}   {agreement.rows} rows",
        caption=f"faces found by both {both}, only A {only_first}, only B {only_second}, "
        f"none {none}; {_alone('A', agreement.alone[0])}; {_alone('B', agreement.alone[1])}",
    )
    heads = ("AU", "name", "faces", "decided", "on A", "on B")
    for head in (*heads, "agreement", "kappa", "correlation", "box IoU"):
        table.add_column(head, justify="left" if head == "name" else "right")
    for row in agreement.aus:
        numbers = (row.rate, row.kappa, row.correlation, row.iou)
        table.add_row(
            str(row.au),
            action_unit(row.au).name,
            *(str(count) for count in (row.faces, row.decided, *row.on)),
            *(_number(number) for number in numbers),
        )
    return table


def draw_agreement(agreement: Agreement, path: Path) -> None:
    """A picture with three bars an AU, 0 to 1; a negative kappa has no bar."""
    height = _HEAD + _ROW * len(agreement.aus) + 20
    page = Image.new("RGB", (_NAME + len(_MEASURES) * (_BAR + _GAP) + 20, height), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(_FONT)
    draw.text((14, 10), f"A: {agreement.names[0]}", "black", font=font)
    draw.text((14, 32), f"B: {agreement.names[1]}   ({agreement.rows} rows)", "black", font=font)
    for number, (title, colour) in enumerate(_MEASURES):
        draw.text((_left(number), _HEAD - 30), title, colour, font=font)
    for number, row in enumerate(agreement.aus):
        _draw_row(draw, _HEAD + number * _ROW, row, font)
    write_sheet(page, path)


def _draw_row(
    draw: ImageDraw.ImageDraw,
    top: int,
    row: AuAgreement,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    unit = action_unit(row.au)
    draw.text((14, top), f"{unit.code} {unit.name}", "black", font=font)
    for number, value in enumerate((row.rate, row.kappa, row.iou)):
        left = _left(number)
        draw.rectangle((left, top, left + _BAR, top + _ROW - 12), outline="#bbbbbb")
        if value is not None and value > 0:
            end = left + round(_BAR * min(value, 1))
            draw.rectangle((left, top, end, top + _ROW - 12), fill=_MEASURES[number][1])
        draw.text((left + _BAR + 8, top), _number(value), "black", font=font)


def _left(number: int) -> int:
    return _NAME + number * (_BAR + _GAP)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _alone(name: str, aus: tuple[int, ...]) -> str:
    return f"only {name} measures: {', '.join(f'AU{au}' for au in aus) or 'none'}"
