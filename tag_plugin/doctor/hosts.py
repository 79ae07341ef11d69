"""Findings about the hosts: their versions, what is armed, registered, changed and mended."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from tag_plugin._autoload import ARMED, disabled
from tag_plugin.doctor.report import Finding, Status, finding
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
        return finding("versions", version.distribution, Status.OK, detail)
    status = Status.ABSENT if version.installed is None else Status.WARNING
    command = f"pip install 'tag-plugin[{EXTRAS[version.distribution]}]'"
    return finding("versions", version.distribution, status, detail, command)


def host_findings(host: str, answer: Answer | str) -> list[Finding]:
    """What an installed host answered, and the table of what is changed in it."""
    if isinstance(answer, str):
        return [finding(host, "import", Status.PROBLEM, answer, f'python -c "import {host}"')]
    armed = [_armed(host, module, outcome) for module, outcome in answer.armed.items()]
    registered = [_registered(host, kind, names) for kind, names in answer.found.items()]
    return [*armed, *registered, *_changes(host)]


def no_host() -> Finding:
    """Neither host is there: nothing can be trained or evaluated."""
    command = "pip install 'tag-plugin[all]'"
    return finding("hosts", "all", Status.PROBLEM, "neither is installed", command)


def repair_findings() -> Iterator[Finding]:
    """What is mended for everybody, and what the user has switched off."""
    off = names_off()
    for name, what in REPAIRS.items():
        if name in off:
            yield finding("repairs", name, Status.WARNING, f"switched off by {SWITCH}: {what}")
        else:
            yield finding("repairs", name, Status.OK, what)
    for name in off:
        if name not in REPAIRS:
            command = f"one of {', '.join(REPAIRS)}"
            yield finding("repairs", name, Status.WARNING, f"{SWITCH} names no repair", command)


def _changes(host: str) -> Iterator[Finding]:
    """Every symbol of the host that is changed; the doctor reads the sources, it runs no host."""
    for patch in import_module(f"tag_plugin.hosts.{host}.patches").PATCHES:
        name, problem = f"{patch.module}.{patch.symbol}", patch.problem()
        if problem:
            yield finding(f"{host} changes", name, Status.PROBLEM, problem)
        else:
            yield finding(f"{host} changes", name, Status.OK, f"{patch.when}: {patch.why}")


def _armed(host: str, module: str, outcome: str) -> Finding:
    if outcome == ARMED:
        return finding(host, module, Status.OK, outcome)
    command = "unset TAG_PLUGIN_DISABLE" if disabled() else f'python -c "import {module}"'
    return finding(host, module, Status.PROBLEM, outcome, command)


def _registered(host: str, kind: str, names: list[str]) -> Finding:
    if names:
        return finding(host, kind, Status.OK, ", ".join(names))
    return finding(host, kind, Status.PROBLEM, "nothing is registered", REINSTALL)
