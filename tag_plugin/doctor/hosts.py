"""Findings about the hosts: their versions, what is armed and what is registered."""

from collections.abc import Mapping
from types import MappingProxyType

from tag_plugin._autoload import ARMED, disabled
from tag_plugin.doctor.report import Finding, Status
from tag_plugin.hosts.probe import Answer
from tag_plugin.hosts.versions import Version

EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "llamafactory": "train",
        "lmms-eval": "eval",
        "transformers": "all",
        "torch": "all",
        "deepspeed": "train",
        "mediapipe": "mediapipe",
    }
)
"""Distribution -> the extra that installs it in a tested version."""


REINSTALL = "pip install --force-reinstall --no-deps tag-plugin"
"""Brings back files that are missing from an installation."""


def version_finding(version: Version) -> Finding:
    """Installed within the tested range, outside it, or absent."""
    if version.fits:
        status = Status.OK
    else:
        status = Status.ABSENT if version.installed is None else Status.WARNING
    return Finding(
        section="versions",
        name=version.distribution,
        status=status,
        detail=f"{version.installed or 'not installed'} (tested: {version.tested})",
        next_command=None
        if version.fits
        else f"pip install 'tag-plugin[{EXTRAS[version.distribution]}]'",
    )


def host_findings(host: str, answer: Answer | str) -> list[Finding]:
    """What an installed host answered."""
    if isinstance(answer, str):
        return [_problem(host, "import", answer, f'python -c "import {host}"')]
    armed = [_armed(host, module, outcome) for module, outcome in answer.armed.items()]
    return armed + [_registered(host, kind, names) for kind, names in answer.found.items()]


def no_host() -> Finding:
    """Neither host is there: nothing can be trained or evaluated."""
    return _problem("hosts", "all", "neither is installed", "pip install 'tag-plugin[all]'")


def _armed(host: str, module: str, outcome: str) -> Finding:
    if outcome == ARMED:
        return Finding(section=host, name=module, status=Status.OK, detail=outcome)
    command = "unset TAG_PLUGIN_DISABLE" if disabled() else f'python -c "import {module}"'
    return _problem(host, module, outcome, command)


def _registered(host: str, kind: str, names: list[str]) -> Finding:
    if names:
        return Finding(section=host, name=kind, status=Status.OK, detail=", ".join(names))
    return _problem(host, kind, "nothing is registered", REINSTALL)


def _problem(section: str, name: str, detail: str, command: str) -> Finding:
    return Finding(
        section=section,
        name=name,
        status=Status.PROBLEM,
        detail=detail,
        next_command=command,
    )
