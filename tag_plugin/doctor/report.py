"""What the doctor found: one finding a line, and whether the whole is sound."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import computed_field

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
