"""`tag-plugin demo`: synthetic faces -> SFT -> GRPO -> evaluations -> a table, pages and pictures.

It types the commands that a user would type, one after the other. A step whose result is already
there is skipped, so that an interrupted demo goes on where it stopped.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.demo.steps import (
    TASK,
    Faces,
    Step,
    console,
    evaluation,
    faces,
    page,
    read_metrics,
    run_step,
    training,
)
from tag_plugin.report.samples import draw_samples, sample_files

TEST_FACES: Final = 300
_UNMEASURED: Final = "2,6,12,25,26,27"
DATASETS: Final[Mapping[str, Sequence[Faces]]] = {
    "sft": (
        Faces("synth", {"train": 1600, "dev": 100, "test": TEST_FACES}, seed=0),
        Faces("synth_negative", {"train": 2400, "dev": 0, "test": 0}, seed=2, without=_UNMEASURED),
    ),
    "rl": (Faces("synth_rl", {"train": 700, "dev": 0, "test": 0}, seed=1),),
}
"""What each training reads, as its recipe says. Most SFT traces come from a detector that was made
for negative expressions; GRPO's detector measures every AU, on faces that SFT has not seen."""

PICTURES: Final = 24

STAGES: Final[Mapping[str, str]] = {"base": "base", "sft": "after SFT", "rl": "after RL"}
"""Models of the demo in the order in which they come about -> how the table names them."""

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
    def rl(self) -> Path:
        """The model after GRPO."""
        return self.out / "rl"

    @property
    def pictures(self) -> Path:
        """What the trained model pointed at."""
        return self.out / "pictures"

    def results(self, stage: str) -> Path:
        """The evaluation of one of STAGES."""
        return self.out / "eval" / stage


def run_demo(out: Path) -> dict[str, Any]:
    """Run every step that is still to do; print and return the summary.

    Raises:
        DemoError: a step failed.
    """
    demo = Demo(out.resolve())
    demo.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    seconds = {step.name: run_step(step, demo.out / "logs", demo.data) for step in _steps(demo)}
    draw_samples(sample_files(demo.results("rl"), TASK)[0], demo.pictures, PICTURES)
    summary = {stage: read_metrics(demo.results(stage)) for stage in STAGES} | {
        "seconds": seconds | {"all": round(time.monotonic() - started, 1)}
    }
    with atomic_write(demo.out / "demo.json") as partial:
        partial.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    console.print(metric_table(summary))
    console.print(
        f"Look at: {demo.out / 'results.html'}   {demo.out / 'rl.html'}   {demo.pictures}"
    )
    console.print(f"Numbers: {demo.out / 'demo.json'}")
    return summary


def _steps(demo: Demo) -> list[Step]:
    base = ("tag-plugin", "tiny", "base", "--out", str(demo.base))
    return [
        Step("base", base, demo.base, "config.json"),
        *(step for drawn in DATASETS["sft"] for step in faces(demo.data, drawn)),
        evaluation("evaluation base", demo.base, demo.results("base")),
        training("sft", "tag_sft.yaml", demo.base, demo.data, demo.sft),
        evaluation("evaluation sft", demo.sft, demo.results("sft")),
        *(step for drawn in DATASETS["rl"] for step in faces(demo.data, drawn)),
        training("rl", "tag_grpo.yaml", demo.sft, demo.data, demo.rl),
        evaluation("evaluation rl", demo.rl, demo.results("rl")),
        page("page of RL", demo.out, "rl.html", demo.rl),
        page("page of results", demo.out, "results.html", *map(demo.results, STAGES)),
    ]


def metric_table(summary: Mapping[str, Any]) -> Table:
    """The models of the demo side by side."""
    table = Table(title=f"{TEST_FACES} held-out synthetic faces")
    table.add_column("metric")
    for name in STAGES.values():
        table.add_column(name, justify="right")
    for metric, name in METRICS.items():
        table.add_row(name, *(_number(summary[stage].get(metric)) for stage in STAGES))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
