"""What the doctor found: one finding a line, and whether the whole is sound."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, computed_field


class Status(StrEnum):
    """How a finding stands."""

    OK = "ok"
    ABSENT = "absent"
    """Not there, and not needed by everyone."""
    WARNING = "warning"
    PROBLEM = "problem"
    """Something essential does not work."""


class Finding(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(frozen=True)

    section: str
    name: str
    status: Status
    detail: str
    next_command: str | None = None
    """What to run to mend or to get it."""


def finding(
    section: str, name: str, status: Status, detail: str, command: str | None = None
) -> Finding:
    """One thing that was looked at; `command` mends or gets it."""
    return Finding(section=section, name=name, status=status, detail=detail, next_command=command)


class Report(BaseModel):
    """All findings, in the order of their sections."""

    model_config = ConfigDict(frozen=True)

    findings: tuple[Finding, ...]

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented use; mypy cannot type it
    @property
    def healthy(self) -> bool:
        """Whether everything essential works: the exit code 0."""
        return all(finding.status is not Status.PROBLEM for finding in self.findings)
