"""Looks at everything and writes the report."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tag_plugin import __version__, _autoload
from tag_plugin.doctor.data import data_findings
from tag_plugin.doctor.hosts import (
    REINSTALL,
    host_findings,
    repair_findings,
    version_finding,
)
from tag_plugin.doctor.machine import detector_findings, device_findings, model_findings
from tag_plugin.doctor.probing import probe_all
from tag_plugin.doctor.report import Finding, Report, Status
from tag_plugin.hosts.probe import Answer
from tag_plugin.hosts.versions import TESTED, version

Answers = Mapping[str, Answer | str]

_NEEDS: Final[Mapping[str, str]] = {
    "llamafactory": "llamafactory",
    "lmms_eval": "lmms-eval",
    "devices": "torch",
    "deepspeed": "deepspeed",
    "mediapipe": "mediapipe",
}
"""Question -> the distribution without which it need not be asked."""


def collect(ask: Callable[[Iterable[str]], Answers] = probe_all) -> Report:
    """Looks at the plugin, the hosts, detectors, models, data and devices; takes some 20 s.

    Args:
        ask: answers the questions of `tag_plugin.hosts.probe`, in subprocesses.
    """
    versions = {name: version(name) for name in TESTED}
    answers = ask([question for question, name in _NEEDS.items() if versions[name].installed])
    return Report(
        findings=(
            _arming(),
            *map(version_finding, versions.values()),
            *_hosts(answers),
            *repair_findings(),
            *detector_findings(answers),
            *model_findings(),
            *data_findings(os.environ.get("TAG_DATA_DIR")),
            *device_findings(answers),
        )
    )


def _hosts(answers: Answers) -> list[Finding]:
    hosts = [name for name in ("llamafactory", "lmms_eval") if name in answers]
    if not hosts:  # nothing can be trained or evaluated
        command = "pip install 'tag-plugin[all]'"
        return [Finding("hosts", "all", Status.PROBLEM, "neither is installed", command)]
    return [finding for host in hosts for finding in host_findings(host, answers[host])]


def _arming() -> Finding:
    how: tuple[Status, str, str | None] = (Status.OK, "armed at every start of Python", None)
    if _autoload.disabled():
        how = Status.WARNING, "turned off by TAG_PLUGIN_DISABLE", "unset TAG_PLUGIN_DISABLE"
    elif not any(isinstance(finder, _autoload.HostFinder) for finder in sys.meta_path):
        how = Status.PROBLEM, "tag_plugin_autoload.pth is not in site-packages", REINSTALL
    return Finding("tag-plugin", __version__, *how)
