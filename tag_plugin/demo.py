"""`tag-plugin demo`: synthetic faces -> SFT -> evaluation before and after -> a table and pictures.

It types the commands that a user would type, one after the other. A step whose result is already
there is skipped, so that an interrupted demo goes on where it stopped.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tag_plugin.hosts.paths import recipes_dir
from tag_plugin.report.samples import draw_samples, sample_files

TASK: Final = "tag_synth"
FACES: Final[Mapping[str, int]] = {"train": 4000, "dev": 100, "test": 300}
PICTURES: Final = 24

METRICS: Final[Mapping[str, str]] = {
    "accuracy": "accuracy",
    "uar": "UAR (mean recall)",
    "unparsable_rate": "unparsable answers",
    "well_formed_rate": "well-formed traces",
    "au_f1": "AU F1 against the detector",
    "matched_iou": "mean IoU of matched AUs",
    "grounding": "grounding G",
    "template_baseline": "G of the template baseline",
    "skill": "skill over the template",
}
"""Metric of the task -> how the table names it."""

console = Console()


class DemoError(RuntimeError):
    """A step that failed; the message names its command and its log."""


@dataclass(frozen=True, slots=True)
class Demo:
    """Where everything of one demo lies."""

    out: Path

    @property
    def data(self) -> Path:
        """The data directory, as `tag-plugin prepare` fills it."""
        return self.out / "data"

    @property
    def base(self) -> Path:
        """The tiny base model before training."""
        return self.out / "base"

    @property
    def sft(self) -> Path:
        """The model after SFT."""
        return self.out / "sft"

    @property
    def pictures(self) -> Path:
        """What the trained model pointed at."""
        return self.out / "pictures"

    def results(self, stage: str) -> Path:
        """The evaluation before or after SFT."""
        return self.out / "eval" / stage


def run_demo(out: Path) -> dict[str, Any]:
    """Run every step that is still to do; print and return the summary.

    Raises:
        DemoError: a step failed.
    """
    demo = Demo(out.resolve())
    demo.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    seconds = {name: _step(demo, name, done, command) for name, done, command in _steps(demo)}
    draw_samples(sample_files(demo.results("after"), TASK)[0], demo.pictures, PICTURES)
    summary = {
        "before": read_metrics(demo.results("before")),
        "after": read_metrics(demo.results("after")),
        "seconds": seconds | {"all": round(time.monotonic() - started, 1)},
    }
    (demo.out / "demo.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    console.print(metric_table(summary))
    console.print(f"Pictures: {demo.pictures}   Numbers: {demo.out / 'demo.json'}")
    return summary


def _steps(demo: Demo) -> list[tuple[str, Callable[[], bool], list[str]]]:
    synth = demo.data / "synth"
    faces = [f"--{split}={count}" for split, count in FACES.items()]
    recipe = str(recipes_dir() / "tiny" / "tag_sft.yaml")
    training = {
        "model_name_or_path": demo.base,
        "dataset_dir": demo.data,
        "output_dir": demo.sft,
        "overwrite_output_dir": "false",
    }
    return [
        _step_of(
            "base", demo.base / "config.json", ["tag-plugin", "tiny", "base", "--out", demo.base]
        ),
        _step_of(
            "faces",
            synth / "prepared" / "test.jsonl",
            ["tag-plugin", "prepare", "synth", "--out", demo.data, *faces],
        ),
        _step_of(
            "detect",
            synth / "detected" / "test.jsonl",
            ["tag-plugin", "detect", synth, "--detector", "synthetic"],
        ),
        _step_of("build", demo.data / "dataset_info.json", ["tag-plugin", "build", synth]),
        _evaluation(demo, "before", demo.base),
        _step_of(
            "sft",
            demo.sft / "all_results.json",
            ["llamafactory-cli", "train", recipe, *(f"{k}={v}" for k, v in training.items())],
        ),
        _evaluation(demo, "after", demo.sft),
    ]


def _step_of(
    name: str, result: Path, command: list[str | Path]
) -> tuple[str, Callable[[], bool], list[str]]:
    return name, result.is_file, [str(word) for word in command]


def _evaluation(demo: Demo, stage: str, model: Path) -> tuple[str, Callable[[], bool], list[str]]:
    results = demo.results(stage)
    command = [
        *("lmms-eval", "--tasks", TASK, "--model_args", f"pretrained={model}"),
        *("--batch_size", "50", "--gen_kwargs", "max_new_tokens=320"),
        *("--log_samples", "--output_path", str(results)),
    ]
    return f"evaluation {stage}", lambda: any(results.rglob("*_results.json")), command


def _step(demo: Demo, name: str, done: Callable[[], bool], command: list[str]) -> float:
    """Run one command unless its result is there; returns the seconds that it took."""
    if done():
        console.print(f"[green]{name}[/]: already there (delete {demo.out} to start again)")
        return 0.0
    log = demo.out / "logs" / f"{name.replace(' ', '_')}.log"
    log.parent.mkdir(exist_ok=True)
    console.print(f"[bold]{name}[/]: {shlex.join(command)}", soft_wrap=True)
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as out, console.status(f"{name} ... ({log})"):
        finished = subprocess.run(
            command, env=_environment(demo), stdout=out, stderr=subprocess.STDOUT, check=False
        )
    took = round(time.monotonic() - started, 1)
    if finished.returncode != 0 or not done():
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise DemoError(
            f"{name} failed (exit code {finished.returncode}):\n{tail}\n"
            f"next: read {log}, then run: {shlex.join(command)}"
        )
    console.print(f"[green]{name}[/]: {took:.0f} s")
    return took


def _environment(demo: Demo) -> dict[str, str]:
    """The user's environment, offline, with this environment's commands first."""
    scripts = str(Path(sys.executable).parent)
    return os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}",
        "TAG_DATA_DIR": str(demo.data),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


def read_metrics(results: Path) -> dict[str, float]:
    """The task's metrics from the newest results file of lmms-eval below a folder.

    Raises:
        DemoError: there is none.
    """
    files = sorted(results.rglob("*_results.json"))
    if not files:
        raise DemoError(f"{results}: no results of lmms-eval; next: delete it and run the demo")
    found = json.loads(files[-1].read_text(encoding="utf-8"))["results"][TASK]
    values = {key.partition(",")[0]: value for key, value in found.items()}
    return {key: value for key, value in values.items() if isinstance(value, int | float)}


def metric_table(summary: Mapping[str, Any]) -> Table:
    """Before and after SFT, side by side."""
    table = Table(title=f"{FACES['test']} held-out synthetic faces")
    table.add_column("metric")
    table.add_column("base", justify="right")
    table.add_column("after SFT", justify="right")
    for metric, name in METRICS.items():
        before, after = summary["before"].get(metric), summary["after"].get(metric)
        table.add_row(name, _number(before), _number(after))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
