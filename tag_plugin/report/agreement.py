"""Two detectors side by side: a table for the terminal and a picture."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure
from rich.table import Column, Table

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.detectors.agreement import Agreement, AuAgreement
from tag_plugin.facs.action_units import action_unit

_MEASURES: Final[Sequence[tuple[str, str, Callable[[AuAgreement], float | None]]]] = (
    ("agreement", "#4575b4", attrgetter("rate")),
    ("kappa", "#d7301f", attrgetter("kappa")),
    ("box IoU", "#1a9850", attrgetter("iou")),
)


def agreement_table(agreement: Agreement) -> Table:
    """A row an AU."""
    first, second = agreement.names
    both, only_first, only_second, none = agreement.faces
    heads = ("faces", "decided", "on A", "on B", "agreement", "kappa", "correlation", "box IoU")
    table = Table(
        Column("AU", justify="right"),
        "name",
        *(Column(head, justify="right") for head in heads),
        title=f"A: {first}   B: {second}   {agreement.rows} rows",
        caption=f"faces found by both {both}, only A {only_first}, only B {only_second}, "
        f"none {none}; {_alone('A', agreement.alone[0])}; {_alone('B', agreement.alone[1])}",
    )
    for row in agreement.aus:
        counts = map(str, (row.faces, row.decided, *row.on))
        shares = map(_number, (row.rate, row.kappa, row.correlation, row.iou))
        table.add_row(str(row.au), action_unit(row.au).name, *counts, *shares)
    return table


def draw_agreement(agreement: Agreement, path: Path) -> None:
    """A picture with three bars an AU, 0 to 1; a negative kappa has no bar."""
    first, second = map(_drawable, agreement.names)
    figure = Figure((11, 1.5 + 0.3 * len(agreement.aus)), layout="constrained")
    figure.suptitle(
        f"A: {first}\nB: {second}   ({agreement.rows} rows)",
        x=0.01,
        ha="left",
        fontsize=11,
        parse_math=False,
    )
    panels = figure.subplots(1, len(_MEASURES), sharey=True)
    names = [f"AU{row.au} {action_unit(row.au).name}" for row in agreement.aus]
    for panel, (name, colour, measure) in zip(panels, _MEASURES, strict=True):
        values = [measure(row) for row in agreement.aus]
        bars = panel.barh(names, [max(value or 0.0, 0.0) for value in values], color=colour)
        panel.bar_label(bars, [_number(value) for value in values], padding=4)
        panel.set(title=name, xlim=(0, 1.2), xticks=(0, 0.5, 1))
    panels[0].invert_yaxis()
    with atomic_write(path) as partial:
        figure.savefig(partial, format="png")


def _drawable(text: str) -> str:
    """Only what matplotlib's font can surely draw, on one line."""
    return "".join(character if 32 <= ord(character) < 127 else "?" for character in text)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _alone(name: str, aus: tuple[int, ...]) -> str:
    return f"only {name} measures: {', '.join(f'AU{au}' for au in aus) or 'none'}"
