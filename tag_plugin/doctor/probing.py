"""Asks each question in a subprocess with a time limit, so that a broken host cannot end us."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tag_plugin.hosts.probe import Answer

TIME_LIMIT = 180.0
"""Seconds for one question; a host's imports alone can take 30 s on a busy machine."""

_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def probe(question: str, time_limit: float = TIME_LIMIT) -> Answer | str:
    """The answer to one question, or the reason why there is none."""
    with TemporaryDirectory(prefix="tag-plugin-") as folder:
        out = Path(folder, "answer.json")
        command = [sys.executable, "-P", "-m", "tag_plugin.hosts.probe", question, str(out)]
        try:
            done = subprocess.run(
                command,
                env=os.environ | _OFFLINE,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=time_limit,
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {time_limit:g} s"
        if done.returncode != 0 or not out.is_file():
            return _reason(done)
        return Answer.model_validate_json(out.read_text(encoding="utf-8"))


def probe_all(questions: Iterable[str]) -> dict[str, Answer | str]:
    """The answers to all questions, two at a time: most of each is one core's imports."""
    asked = list(questions)
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(asked, pool.map(probe, asked), strict=True))


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"killed by {signal.Signals(-done.returncode).name}"
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return said[-1].strip() if said else f"exit code {done.returncode}"
