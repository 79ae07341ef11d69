"""What the doctor found, and its table: one finding a line, and whether the whole is sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final

from pydantic import computed_field
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tag_plugin.data.console import console
from tag_plugin.facs.frozen import Frozen


class Status(StrEnum):
    """How a finding stands."""

    OK = "ok"
    ABSENT = "absent"
    """Not there, and not needed by everyone."""
    WARNING = "warning"
    PROBLEM = "problem"
    """Something essential does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    section: str
    name: str
    status: Status
    detail: str
    next_command: str | None = None
    """What to run to mend or to get it."""


class Report(Frozen):
    """All findings, in the order of their sections."""

    findings: tuple[Finding, ...]

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented use; mypy cannot type it
    @property
    def healthy(self) -> bool:
        """Whether everything essential works: the exit code 0."""
        return all(finding.status is not Status.PROBLEM for finding in self.findings)


_WIDE: Final = 400

_STYLES: Final[Mapping[Status, str]] = {
    Status.OK: "green",
    Status.ABSENT: "dim",
    Status.WARNING: "yellow",
    Status.PROBLEM: "bold red",
}


def render(report: Report, shown_on: Console | None = None) -> None:
    """Prints the table, and one closing line; in a file a line stays a line."""
    shown_on = shown_on or console()
    if not shown_on.is_terminal:
        shown_on.width = max(shown_on.width, _WIDE)
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
