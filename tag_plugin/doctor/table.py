"""The report as a table for people."""

from collections.abc import Mapping
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tag_plugin.data.console import console
from tag_plugin.doctor.report import Finding, Report, Status

_STYLES: Final[Mapping[Status, str]] = {
    Status.OK: "green",
    Status.ABSENT: "dim",
    Status.WARNING: "yellow",
    Status.PROBLEM: "bold red",
}


def render(report: Report, shown_on: Console | None = None) -> None:
    """Prints the table, and one closing line."""
    shown_on = shown_on or console()
    # Names and paths stay whole.
    columns = (Column(name, overflow="fold") for name in ("what", "state", "detail"))
    table = Table("section", *columns, box=None, pad_edge=False)
    for section, findings in groupby(report.findings, key=lambda finding: finding.section):
        for index, finding in enumerate(findings):
            table.add_row("" if index else section, *_cells(finding))
    shown_on.print(table)
    shown_on.print(_closing(report))


def _cells(finding: Finding) -> tuple[Text, Text, Text]:
    detail = Text(finding.detail)  # Text, not markup: details quote paths and error messages
    if finding.next_command:
        detail.append(f"\nnext: {finding.next_command}", style="cyan")
    return Text(finding.name), Text(finding.status, style=_STYLES[finding.status]), detail


def _closing(report: Report) -> Text:
    if report.healthy:
        return Text("Everything essential works.", style="green")
    problems = sum(finding.status is Status.PROBLEM for finding in report.findings)
    return Text(f"{problems} problem(s); the next commands stand above.", style="bold red")
