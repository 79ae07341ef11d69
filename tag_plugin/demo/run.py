"""`tag-plugin demo`: synthetic faces -> SFT -> GRPO -> evaluations -> a table, pages and pictures.

It types the commands that a user would type, one after the other. A step whose result is already
there is skipped, so that an interrupted demo goes on where it stopped.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Column, Table

from tag_plugin.data.atomic_write import write_text
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
from tag_plugin.report.sample_pictures import draw_samples, sample_files
from tag_plugin.results.compare import compare_runs
from tag_plugin.results.reader import read_runs
from tag_plugin.results.table import comparison_table
from tag_plugin.scoring.metrics import METRICS

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


def run_demo(out: Path) -> dict[str, Any]:
    """Run every step that is still to do; print and return the summary.

    OUT/data holds the datasets, OUT/base, OUT/sft and OUT/rl the models, OUT/eval their results.

    Raises:
        DemoError: a step failed.
    """
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    seconds = {step.name: run_step(step, out / "logs", out / "data") for step in _steps(out)}
    draw_samples(sample_files(out / "eval" / "rl", TASK)[0], out / "pictures", PICTURES)
    summary = {stage: read_metrics(out / "eval" / stage) for stage in STAGES} | {
        "seconds": seconds | {"all": round(time.monotonic() - started, 1)}
    }
    write_text(out / "demo.json", json.dumps(summary, indent=2) + "\n")
    console.print(metric_table(summary))
    for compared in compare_runs(read_runs(out / "eval" / "sft"), read_runs(out / "eval" / "rl")):
        console.print(comparison_table(compared))
    console.print(f"Look at: {out / 'results.html'}   {out / 'rl.html'}   {out / 'pictures'}")
    console.print(f"Numbers: {out / 'demo.json'}")
    return summary


def _steps(out: Path) -> list[Step]:
    data, base, sft, rl = (out / name for name in ("data", "base", "sft", "rl"))
    results = [out / "eval" / stage for stage in STAGES]
    return [
        Step("base", ("tag-plugin", "tiny", "base", "--out", str(base)), base, "config.json"),
        *(step for drawn in DATASETS["sft"] for step in faces(data, drawn)),
        evaluation("evaluation base", base, results[0]),
        training("sft", "tag_sft.yaml", base, data, sft),
        evaluation("evaluation sft", sft, results[1]),
        *(step for drawn in DATASETS["rl"] for step in faces(data, drawn)),
        training("rl", "tag_grpo.yaml", sft, data, rl),
        evaluation("evaluation rl", rl, results[2]),
        page("page of RL", out, "rl.html", rl),
        page("page of results", out, "results.html", *results),
    ]


def metric_table(summary: Mapping[str, Any]) -> Table:
    """The models of the demo side by side."""
    columns = (Column(name, justify="right") for name in STAGES.values())
    table = Table("metric", *columns, title=f"{TEST_FACES} held-out synthetic faces")
    for metric in (metric for metric in METRICS.values() if not metric.by_class):
        values = (summary[stage].get(metric.name) for stage in STAGES)
        table.add_row(metric.title, *("-" if value is None else f"{value:.3f}" for value in values))
    return table
