"""Looks at everything and writes the report.

Hosts are asked in a subprocess with a time limit, so that a broken one cannot end us.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tag_plugin import __version__, _autoload
from tag_plugin.data.console import console
from tag_plugin.doctor.hosts import (
    host_findings,
    install,
    reinstall,
    repair_findings,
    version_finding,
)
from tag_plugin.doctor.machine import (
    data_findings,
    detector_findings,
    device_findings,
    model_findings,
)
from tag_plugin.doctor.report import Finding, Report, Status
from tag_plugin.hosts.probe import Answer, no_answer
from tag_plugin.hosts.versions import TESTED, Version, version

TIME_LIMIT = 180.0
"""Seconds for one question; a host's imports alone can take 30 s on a busy machine."""

_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def probe(question: str, time_limit: float = TIME_LIMIT) -> Answer | str:
    """The answer to one question, or the reason why there is none."""
    with TemporaryDirectory(prefix="tag-plugin-") as folder:
        out = Path(folder, "answer.json")
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "tag_plugin.hosts.probe", question, str(out)],
                env=os.environ | _OFFLINE,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=time_limit,
            )
        except subprocess.TimeoutExpired:
            return no_answer(time_limit)
        if done.returncode != 0 or not out.is_file():
            return _reason(done)
        return Answer.model_validate_json(out.read_text(encoding="utf-8"))


def probe_all(questions: Iterable[str]) -> dict[str, Answer | str]:
    """The answers to all questions, one a core: most of each is its imports.

    A terminal shows what is still being looked at.
    """
    with (
        console(stderr=True).status("looking") as shown,
        ThreadPoolExecutor(max_workers=os.cpu_count()) as pool,
    ):
        waiting = {pool.submit(probe, question): question for question in questions}
        open_questions = dict.fromkeys(waiting.values())
        shown.update(f"looking at {', '.join(open_questions)}")
        for answered in as_completed(waiting):
            del open_questions[waiting[answered]]
            shown.update(f"looking at {', '.join(open_questions)}")
    return {question: answer.result() for answer, question in waiting.items()}


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"killed by {signal.Signals(-done.returncode).name}"
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return said[-1].strip() if said else f"exit code {done.returncode}"


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
            *_hosts(answers, versions),
            *repair_findings(),
            *detector_findings(answers),
            *model_findings(),
            *data_findings(),
            *device_findings(answers),
        )
    )


def _hosts(answers: Answers, versions: Mapping[str, Version]) -> list[Finding]:
    hosts = [name for name in ("llamafactory", "lmms_eval") if name in answers]
    if not hosts:  # nothing can be trained or evaluated
        return [Finding("hosts", "all", Status.PROBLEM, "neither is installed", install("all"))]
    return [found for host in hosts for found in host_findings(host, answers[host], versions)]


def _arming() -> Finding:
    how: tuple[Status, str, str | None] = (Status.OK, "armed at every start of Python", None)
    if _autoload.disabled():
        how = Status.WARNING, "turned off by TAG_PLUGIN_DISABLE", "unset TAG_PLUGIN_DISABLE"
    elif not any(isinstance(finder, _autoload.HostFinder) for finder in sys.meta_path):
        how = Status.PROBLEM, "tag_plugin_autoload.pth is not in site-packages", reinstall()
    return Finding("tag-plugin", __version__, *how)
