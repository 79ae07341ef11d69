"""Commands of the tiny recipes as steps: each is run once, logged, and skipped when it is done."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from tag_plugin.hosts.paths import recipes_dir
from tag_plugin.tiny.bf16 import cpu_has_bf16

TASK: Final = "tag_synth"

console = Console()


class DemoError(RuntimeError):
    """A step that failed; the message names its command and its log."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and the file (or the pattern of one, in an existing folder) that it leaves.

    `entry` is what that file must say, where several steps write into one.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    result: str
    entry: str = ""

    @property
    def done(self) -> bool:
        """Whether its result is there."""
        files = self.folder.glob(self.result)
        return any(not self.entry or self.entry in file.read_text() for file in files)


@dataclass(frozen=True, slots=True)
class Faces:
    """A dataset of procedural faces: its name, its size and the seed of its faces.

    `without` names the AUs that its detector does not measure, "25,26".
    """

    name: str
    counts: Mapping[str, int]
    seed: int
    without: str = ""


def faces(data: Path, drawn: Faces) -> list[Step]:
    """Draws a dataset of faces into the data directory, detects and builds it."""
    folder = data / drawn.name
    last = [split for split, count in drawn.counts.items() if count][-1]
    counts = [f"--{split}={count}" for split, count in drawn.counts.items()]
    where = ("--out", data, "--name", drawn.name, "--seed", str(drawn.seed))
    unmeasured = ("--option", f"without={drawn.without}") if drawn.without else ()
    draw = _words("tag-plugin", "prepare", "synth", *where, *counts)
    detect = _words("tag-plugin", "detect", folder, "--detector", "synthetic", *unmeasured)
    # A detector that measures no AU of a smile supports no smile: its faces are kept all the same,
    # for what SFT makes of such gaps is what the demo shows.
    support = ("--support", "any") if drawn.without else ()
    build = _words("tag-plugin", "build", folder, *support)
    return [
        Step(f"faces {drawn.name}", draw, folder / "prepared", f"{last}.jsonl"),
        Step(f"detect {drawn.name}", detect, folder / "detected", f"{last}.jsonl"),
        Step(f"build {drawn.name}", build, data, "dataset_info.json", f'"tag_{drawn.name}_'),
    ]


def training(
    name: str, recipe: str, model: Path, data: Path, out: Path, **settings: object
) -> Step:
    """One recipe of recipes/tiny; `settings` replace its own, and so does a CPU without bf16."""
    changed = {
        "model_name_or_path": model,
        "dataset_dir": data,
        "output_dir": out,
        "overwrite_output_dir": "false",
        **({} if cpu_has_bf16() else {"bf16": "false"}),
        **settings,
    }
    words = [f"{key}={value}" for key, value in changed.items()]
    command = _words("llamafactory-cli", "train", recipes_dir() / "tiny" / recipe, *words)
    return Step(name, command, out, "all_results.json")


def evaluation(
    name: str, model: Path, results: Path, task: str = TASK, limit: int | None = None
) -> Step:
    """lmms-eval on the data directory: a task, or the first `limit` faces of it."""
    command = (
        *("lmms-eval", "--tasks", task, "--model_args", f"pretrained={model}"),
        *("--batch_size", "50", "--gen_kwargs", "max_new_tokens=320"),
        *("--log_samples", "--output_path", str(results)),
        *(("--limit", str(limit)) if limit else ()),
    )
    return Step(name, command, results, "**/*_results.json")


def page(name: str, out: Path, file: str, *sources: Path) -> Step:
    """`tag-plugin report` of a run, or of evaluations side by side."""
    return Step(name, _words("tag-plugin", "report", *sources, "--out", out / file), out, file)


def run_step(step: Step, logs: Path, data: Path) -> float:
    """Run one command unless its result is there; returns the seconds that it took.

    Args:
        step: what to run.
        logs: the folder of its log.
        data: TAG_DATA_DIR, from which evaluations read.

    Raises:
        DemoError: it failed, or left no result.
    """
    if step.done:
        console.print(f"[green]{step.name}[/]: already there (delete {step.folder} to do it again)")
        return 0.0
    logs.mkdir(parents=True, exist_ok=True)
    log, command = logs / f"{step.name.replace(' ', '_')}.log", shlex.join(step.command)
    console.print(f"[bold]{step.name}[/]: {command}", soft_wrap=True)
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as out, console.status(f"{step.name} ... ({log})"):
        finished = subprocess.run(
            step.command, env=_environment(data), stdout=out, stderr=subprocess.STDOUT, check=False
        )
    took = round(time.monotonic() - started, 1)
    if finished.returncode != 0 or not step.done:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise DemoError(
            f"{step.name} failed (exit code {finished.returncode}):\n{tail}\n"
            f"next: read {log}, then run: {command}"
        )
    console.print(f"[green]{step.name}[/]: {took:.0f} s")
    return took


def read_metrics(results: Path, task: str = TASK) -> dict[str, float]:
    """The task's metrics from the newest results file of lmms-eval below a folder.

    Raises:
        DemoError: there is none.
    """
    files = sorted(results.rglob("*_results.json"))
    if not files:
        raise DemoError(f"{results}: no results of lmms-eval; next: delete it and run it again")
    stated = json.loads(files[-1].read_text(encoding="utf-8"))["results"][task]
    numbers = {key: value for key, value in stated.items() if isinstance(value, int | float)}
    return {key.partition(",")[0]: value for key, value in numbers.items()}


def _words(*command: str | Path) -> tuple[str, ...]:
    return tuple(map(str, command))


def _environment(data: Path) -> dict[str, str]:
    """The user's environment, offline, with this environment's commands first."""
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "TAG_DATA_DIR": str(data),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
