"""Findings about the hosts: their versions, what is armed, registered, changed and mended."""

import json
import shlex
from collections.abc import Iterator, Mapping
from importlib import import_module, metadata
from typing import Final

from packaging.version import Version as Number

from tag_plugin._autoload import ARMED, disabled
from tag_plugin.doctor.report import Finding, Status
from tag_plugin.hosts.probe import Answer, late
from tag_plugin.hosts.repairs import REPAIRS, SWITCH, names_off
from tag_plugin.hosts.versions import Version

EXTRAS: Final[Mapping[str, str]] = {
    "llamafactory": "train",
    "lmms-eval": "eval",
    "transformers": "all",
    "torch": "all",
    "torchaudio": "train",
    "accelerate": "train",
    "trl": "train",
    "vllm": "vllm",
    "deepspeed": "train",
    "mediapipe": "mediapipe",
}
"""Distribution -> the extra that installs it in a tested version."""


def install(extra: str = "", *options: str) -> str:
    """The command that installs an extra from where this installation came from."""
    try:
        came_from = metadata.distribution("tag-plugin").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        came_from = None
    source = json.loads(came_from or "{}")
    named = f"tag-plugin[{extra}]" if extra else "tag-plugin"
    url, repository = source.get("url"), source.get("vcs_info")
    if url is None:
        what = named
    elif source.get("dir_info", {}).get("editable"):
        options = (*options, "--editable")
        what = url.removeprefix("file://") + named.removeprefix("tag-plugin")
    elif repository:
        revision = repository.get("requested_revision", repository["commit_id"])
        what = f"{named} @ {repository['vcs']}+{url}@{revision}"
    else:
        what = f"{named} @ {url}"
    return " ".join(["pip install", *options, shlex.quote(what)])


def reinstall() -> str:
    """Brings back files that are missing from an installation."""
    return install("", "--force-reinstall", "--no-deps")


def version_finding(version: Version) -> Finding:
    """Installed within a tested range, outside of all, or absent; an older one is never advised."""
    name = version.distribution
    detail = f"{version.installed or 'not installed'} (tested: {version.tested})"
    if version.fits:
        return Finding("versions", name, Status.OK, detail)
    if version.installed is None:
        return Finding("versions", name, Status.ABSENT, detail, install(EXTRAS[name]))
    if version.update is None:
        return Finding("versions", name, Status.WARNING, f"{detail}: newer, it may still work")
    command = f"pip install '{name}{version.update}'"
    return Finding("versions", name, Status.WARNING, detail, command)


def host_findings(
    host: str, answer: Answer | str, versions: Mapping[str, Version]
) -> list[Finding]:
    """What an installed host answered, and the table of what is changed in it."""
    if isinstance(answer, str):
        return [_import(host, answer, versions)]
    return [
        *(_armed(host, module, outcome) for module, outcome in answer.armed.items()),
        *(_registered(host, kind, names) for kind, names in answer.found.items()),
        *_changes(host),
    ]


_LAST_PAIR: Final = (2, 11)
"""The last torch that has a torchaudio."""


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


def _import(host: str, answer: str, versions: Mapping[str, Version]) -> Finding:
    """A host that does not import; a torchaudio of another torch is the usual reason."""
    command = f'python -c "import {host}"'
    if late(answer):
        return Finding(host, "import", Status.WARNING, answer, command)
    torch, audio = (versions[name].installed for name in ("torch", "torchaudio"))
    if torch and audio and _minor(torch) != _minor(audio):
        answer += f"; torch {torch} and torchaudio {audio} do not belong together"
        command = _matching(torch)
    return Finding(host, "import", Status.PROBLEM, answer, command)


def _minor(number: str) -> tuple[int, int]:
    release = Number(number)
    return release.major, release.minor


def _matching(torch: str) -> str:
    """The torchaudio of this torch; of the newest that has one where this is later."""
    _, minor = newest = min(_minor(torch), _LAST_PAIR)
    audio = f"'torchaudio=={newest[0]}.{minor}.*'"
    if newest == _minor(torch):
        return f"pip install {audio}"
    return f"pip install 'torch==2.{minor}.*' {audio} 'torchvision==0.{minor + 15}.*'"


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
    return Finding(host, kind, Status.PROBLEM, "nothing is registered", reinstall())
