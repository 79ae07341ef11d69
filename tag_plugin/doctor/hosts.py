"""Findings about the hosts: their versions, what is armed, registered, changed and mended."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from tag_plugin._autoload import ARMED, disabled
from tag_plugin.doctor.report import Finding, Status
from tag_plugin.hosts.probe import Answer
from tag_plugin.hosts.repairs import REPAIRS, SWITCH, names_off
from tag_plugin.hosts.versions import Version

EXTRAS: Final[Mapping[str, str]] = {
    "llamafactory": "train",
    "lmms-eval": "eval",
    "transformers": "all",
    "torch": "all",
    "accelerate": "all",
    "deepspeed": "train",
    "mediapipe": "mediapipe",
}
"""Distribution -> the extra that installs it in a tested version."""


REINSTALL = "pip install --force-reinstall --no-deps tag-plugin"
"""Brings back files that are missing from an installation."""


def version_finding(version: Version) -> Finding:
    """Installed within the tested range, outside it, or absent."""
    detail = f"{version.installed or 'not installed'} (tested: {version.tested})"
    if version.fits:
        return Finding("versions", version.distribution, Status.OK, detail)
    status = Status.ABSENT if version.installed is None else Status.WARNING
    command = f"pip install 'tag-plugin[{EXTRAS[version.distribution]}]'"
    return Finding("versions", version.distribution, status, detail, command)


def host_findings(host: str, answer: Answer | str) -> list[Finding]:
    """What an installed host answered, and the table of what is changed in it."""
    if isinstance(answer, str):
        return [Finding(host, "import", Status.PROBLEM, answer, f'python -c "import {host}"')]
    return [
        *(_armed(host, module, outcome) for module, outcome in answer.armed.items()),
        *(_registered(host, kind, names) for kind, names in answer.found.items()),
        *_changes(host),
    ]


def repair_findings() -> Iterator[Finding]:
    """What is mended for everybody, and what the user has switched off."""
    off = names_off()
    switched_off = f"switched off by {SWITCH}: "
    for name, what in REPAIRS.items():
        status, how = (Status.WARNING, switched_off) if name in off else (Status.OK, "")
        yield Finding("repairs", name, status, how + what)
    command = f"one of {', '.join(REPAIRS)}"
    for name in (name for name in off if name not in REPAIRS):
        yield Finding("repairs", name, Status.WARNING, f"{SWITCH} names no repair", command)


def _changes(host: str) -> Iterator[Finding]:
    """Every symbol of the host that is changed; the doctor reads the sources, it runs no host."""
    for patch in import_module(f"tag_plugin.hosts.{host}.patches").PATCHES.values():
        name, problem = f"{patch.module}.{patch.symbol}", patch.problem()
        status = Status.PROBLEM if problem else Status.OK
        yield Finding(f"{host} changes", name, status, problem or f"{patch.when}: {patch.why}")


def _armed(host: str, module: str, outcome: str) -> Finding:
    if outcome == ARMED:
        return Finding(host, module, Status.OK, outcome)
    command = "unset TAG_PLUGIN_DISABLE" if disabled() else f'python -c "import {module}"'
    return Finding(host, module, Status.PROBLEM, outcome, command)


def _registered(host: str, kind: str, names: list[str]) -> Finding:
    if names:
        return Finding(host, kind, Status.OK, ", ".join(names))
    return Finding(host, kind, Status.PROBLEM, "nothing is registered", REINSTALL)
