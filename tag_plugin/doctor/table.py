"""The report as a table for people."""

from collections.abc import Mapping
from itertools import groupby
from types import MappingProxyType

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tag_plugin.data.console import console
from tag_plugin.doctor.report import Finding, Report, Status

_STYLES: Mapping[Status, str] = MappingProxyType(
    {
        Status.OK: "green",
        Status.ABSENT: "dim",
        Status.WARNING: "yellow",
        Status.PROBLEM: "bold red",
    }
)


def render(report: Report, shown_on: Console | None = None) -> None:
    """Prints the table, and one closing line."""
    shown_on = shown_on or console()
    table = Table("section", box=None, pad_edge=False)
    for heading in ("what", "state", "detail"):
        table.add_column(heading, overflow="fold")  # names and paths stay whole
    for section, findings in groupby(report.findings, key=lambda finding: finding.section):
        for index, finding in enumerate(findings):
            table.add_row("" if index else section, *_cells(finding))
    shown_on.print(table)
    shown_on.print(_closing(report))


def _cells(finding: Finding) -> tuple[Text, Text, Text]:
    detail = Text(finding.detail)  # Text, not markup: details quote paths and error messages
    if finding.next_command:
        detail.append(f"\nnext: {finding.next_command}", style="cyan")
    state = Text(finding.status, style=_STYLES[finding.status])
    return Text(finding.name), state, detail


def _closing(report: Report) -> Text:
    problems = sum(finding.status is Status.PROBLEM for finding in report.findings)
    if report.healthy:
        return Text("Everything essential works.", style="green")
    return Text(f"{problems} problem(s); the next commands stand above.", style="bold red")
