"""What the AU reward does: GRPO with it and without it, several seeds each, from one SFT model.

    python benchmarks/grpo_study.py runs/demo [--seeds 42 0 1] [--out runs/grpo_study] [--json FILE]

Takes a finished demo (`make demo`): its SFT model, its faces for RL and its held-out faces. Every
run is one of the tiny recipes with another seed, then lmms-eval on the held-out faces. A finished
run is skipped, so a study that was killed goes on where it stopped. Prints JSON: mean, sample
standard deviation and every run.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from rich.table import Table

from tag_plugin.demo.run import TEST_FACES
from tag_plugin.demo.steps import TASK, console, evaluation, read_metrics, run_step, training
from tag_plugin.hosts.paths import recipes_dir

ARMS: Final[Mapping[str, str]] = {
    "with AU reward": "tag_grpo.yaml",
    "without AU reward": "tag_grpo_no_au.yaml",
}
METRICS: Final = (
    "grounding",
    "accuracy",
    "uar",
    "matched_iou",
    "au_precision",
    "au_recall",
    "au_f1",
    "well_formed_rate",
    "au_kappa",
    "box_skill",
)
SETTINGS: Final = (
    "grpo",
    "rewards",
    "learning_rate",
    "lr_scheduler_type",
    "max_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
)

Metrics = dict[str, float]


def main() -> None:
    """Runs what is still to do, prints and writes the study."""
    options = _options()
    demo = options.demo.resolve()
    model, results = demo / "sft", demo / "eval" / "sft"
    if not (model / "all_results.json").is_file():
        print(json.dumps({"skipped": f"no SFT model in {model}; next: make demo"}))
        return
    console.file = sys.stderr  # stdout is for the JSON
    runs = [_run(demo, options.out, arm, seed) for seed in options.seeds for arm in ARMS]
    run_step(evaluation("evaluation sft", model, results), options.out, demo / "data")
    study = {
        "protocol": _protocol(options.seeds),
        "sft": _chosen(read_metrics(results)),
        "summary": {arm: _summary(runs, arm) for arm in ARMS},
        "runs": runs,
    }
    text = json.dumps(study, indent=2)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(text + "\n", encoding="utf-8")
    console.print(table(study))
    print(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path, nargs="?", default=Path("runs/demo"))
    # 42 is the host's default, and so the demo's
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 0, 1])
    parser.add_argument("--out", type=Path, default=Path("runs/grpo_study"))
    parser.add_argument("--json", type=Path, default=Path("runs/grpo_study/grpo_study.json"))
    return parser.parse_args()


def _run(demo: Path, out: Path, arm: str, seed: int) -> dict[str, Any]:
    name = f"{arm.replace(' ', '_')}_{seed}"
    folder = out.resolve() / name
    steps = (
        training(name, ARMS[arm], demo / "sft", demo / "data", folder / "model", seed=seed),
        evaluation(f"evaluation {name}", folder / "model", folder / "eval"),
    )
    for step in steps:
        run_step(step, out / "logs", demo / "data")
    trained = json.loads((folder / "model" / "all_results.json").read_text(encoding="utf-8"))
    return {
        "arm": arm,
        "seed": seed,
        **_chosen(read_metrics(folder / "eval")),
        "train_seconds": trained["train_runtime"],
    }


def _protocol(seeds: Sequence[int]) -> dict[str, Any]:
    recipes = {
        arm: yaml.safe_load((recipes_dir() / "tiny" / file).read_text(encoding="utf-8"))
        for arm, file in ARMS.items()
    }
    return {
        "held_out_faces": TEST_FACES,
        "task": TASK,
        "decoding": "greedy",
        "sft_models": 1,
        "seeds": list(seeds),
        "settings": {
            arm: {key: recipe[key] for key in SETTINGS if key in recipe}
            for arm, recipe in recipes.items()
        },
    }


def _chosen(metrics: Mapping[str, float]) -> Metrics:
    return {name: round(metrics[name], 4) for name in METRICS if name in metrics}


def _summary(runs: Sequence[Mapping[str, Any]], arm: str) -> dict[str, Metrics]:
    """Mean and sample standard deviation over the seeds."""
    found = [run for run in runs if run["arm"] == arm]
    return {name: _spread([run[name] for run in found]) for name in METRICS if name in found[0]}


def _spread(values: Sequence[float]) -> Metrics:
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": round(statistics.mean(values), 4), "sd": round(sd, 4)}


def table(study: Mapping[str, Any]) -> Table:
    """The SFT model and both arms side by side."""
    found = Table(title=f"{TEST_FACES} held-out faces, seeds {study['protocol']['seeds']}")
    for column in ("metric", "SFT", *ARMS):
        found.add_column(column)
    for name, before in study["sft"].items():
        arms = (study["summary"][arm][name] for arm in ARMS)
        found.add_row(name, f"{before:.3f}", *(f"{x['mean']:.3f} ± {x['sd']:.3f}" for x in arms))
    return found


if __name__ == "__main__":
    main()
