"""Does the model look at the face that it reasons about? SFT and GRPO against their placebos.

    python benchmarks/study/run.py data/ferplus --base BASE [--out runs/study] [--seeds 0 1 2]

Arms that start from BASE (`tag-plugin tiny pretrain --rows data/ferplus`), on the same SFT faces
and steps:

    A0  the label alone
    A1  grounded traces
    A2  placebo: traces of another face of the same label

and arms that start from A1 of the same seed, on the same RL faces:

    R1  GRPO, answer and format
    R2  GRPO, and the AU reward, with the default weights
    R3  placebo: as R2, with the AUs of another face of the same label as reference
    R4  no GRPO: SFT goes on, on traces of the same faces

The second round (name them with --arms) has, from BASE and from A1,

    A3  traces that name AUs and have no boxes
    A4  traces of all faces, also of those whose AUs do not support their label
    R5  as R2, each reward normalised in its group before the sum

Each is evaluated by lmms-eval on the first `--test` faces of the test split. What an arm reached is
kept in OUT/arms as soon as it exists; a study that was killed goes on where it stopped, and
checkpoints go when all of it is there. Choose settings with `--split dev`, then run once on test.
Prints JSON: every arm and seed, and the primary contrasts, paired over seeds and faces (Holm).
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from arm_rows import (
    LABEL_ONLY,
    RL,
    RL_PLACEBO,
    RL_TRACED,
    SFT,
    SFT_NO_BOXES,
    SFT_PLACEBO,
    SFT_UNGATED,
    write_arms,
)
from contrasts import contrasts, draw, read_table
from rich.table import Table

from tag_plugin.data.atomic_write import write_text
from tag_plugin.demo.steps import console, evaluation, read_metrics, run_step, training
from tag_plugin.hosts.paths import recipes_dir
from tag_plugin.scoring.metrics import headlines
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS


@dataclass(frozen=True, slots=True)
class Arm:
    """A recipe of recipes/tiny on some rows, from the base or from A1, with these rewards."""

    recipe: str
    rows: str
    start: str | None = None
    rewards: tuple[str, ...] = ()
    aggregation: str = "sum_then_normalize"


FROM_SFT: Final = "A1"
ARMS: Final[Mapping[str, Arm]] = {
    "A0": Arm("tag_sft_label_only.yaml", SFT + LABEL_ONLY),
    "A1": Arm("tag_sft.yaml", SFT),
    "A2": Arm("tag_sft.yaml", SFT_PLACEBO),
    "R1": Arm("tag_grpo.yaml", RL, FROM_SFT, ("answer", "format")),
    "R2": Arm("tag_grpo.yaml", RL, FROM_SFT, tuple(DEFAULT_WEIGHTS)),
    "R3": Arm("tag_grpo.yaml", RL_PLACEBO, FROM_SFT, tuple(DEFAULT_WEIGHTS)),
    "R4": Arm("tag_sft.yaml", RL_TRACED, FROM_SFT),
    "A3": Arm("tag_sft.yaml", SFT_NO_BOXES),
    "A4": Arm("tag_sft.yaml", SFT_UNGATED),
    "R5": Arm("tag_grpo.yaml", RL, FROM_SFT, tuple(DEFAULT_WEIGHTS), "normalize_then_sum"),
}
FIRST_ROUND: Final = ("A0", "A1", "A2", "R1", "R2", "R3", "R4")
SFT_BATCH: Final = 16
_GROUP, _RL_BATCH = 8, 32
"""Completions a face and a device batch, as recipes/tiny/tag_grpo.yaml has them."""


class Study:
    """The runs of all arms and seeds; `options` are those of the command line."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.out = options, options.out.resolve()
        self.data = self.out / "data"
        name = write_arms(options.data, self.data, options.sft_faces, options.rl_faces)
        self.task = f"tag_{name}" + ("" if options.split == "test" else "_dev")

    def run(self) -> dict[str, Any]:
        """Whatever is not there yet, seed by seed; then everything that the study found."""
        runs = [self._arm(arm, seed) for seed in self.options.seeds for arm in self.options.arms]
        tables, labels = {}, None
        for line in runs:
            table, labels = read_table(self._folder(line["arm"], line["seed"]) / "eval", self.task)
            tables[line["arm"], line["seed"]] = table
        found = contrasts(tables, labels, self.options.seeds) if labels else []
        chosen = {key: str(value) for key, value in vars(self.options).items()}
        return {"task": self.task, "options": chosen, "runs": runs, "contrasts": found}

    def remove_checkpoints(self) -> None:
        """Models are large, and what they reached is kept."""
        for arm in self.options.arms:
            for seed in self.options.seeds:
                shutil.rmtree(self._folder(arm, seed) / "model", ignore_errors=True)

    def _folder(self, arm: str, seed: int) -> Path:
        return self.out / f"{arm}_{seed}"

    def _arm(self, name: str, seed: int) -> dict[str, Any]:
        record = self.out / "arms" / self.options.split / f"{name}_{seed}.json"
        if not record.is_file():
            folder = self._folder(name, seed)
            model, results = folder / "model", folder / "eval"
            limit = self.options.test
            steps = (
                self._training(name, seed, model),
                evaluation(f"evaluation {name}_{seed}", model, results, self.task, limit),
            )
            for step in steps:
                run_step(step, self.out / "logs", self.data)
            trained = json.loads((model / "all_results.json").read_text(encoding="utf-8"))
            line = {"arm": name, "seed": seed, **_headlines(read_metrics(results, self.task))}
            line["train_seconds"] = round(trained["train_runtime"])
            write_text(record, json.dumps(line, indent=2) + "\n")
        found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return found

    def _training(self, name: str, seed: int, model: Path) -> Any:  # noqa: ANN401 - a demo's step
        arm, given = ARMS[name], self.options
        start = self._folder(arm.start, seed) / "model" if arm.start else given.base.resolve()
        settings: dict[str, object] = {"dataset": arm.rows, "seed": seed}
        settings["max_steps"] = given.rl_steps if arm.start else given.sft_steps
        if arm.rewards:
            weights = [{"name": each, "weight": DEFAULT_WEIGHTS[each]} for each in arm.rewards]
            settings["rewards"] = json.dumps(weights)
            settings["grpo"] = json.dumps(self._grpo(arm))
            settings["gradient_accumulation_steps"] = given.rl_groups * _GROUP // _RL_BATCH
        elif arm.start:  # as many faces a step, and the same parts of the model, as GRPO
            settings["per_device_train_batch_size"] = given.rl_groups
            settings["learning_rate"] = given.more_sft_rate
        else:
            settings["per_device_train_batch_size"] = SFT_BATCH
            settings["learning_rate"] = given.sft_rate
            settings["freeze_vision_tower"] = str(not given.train_tower).lower()
        return training(f"{name}_{seed}", arm.recipe, start, self.data, model, **settings)

    def _grpo(self, arm: Arm) -> dict[str, object]:
        recipe = yaml.safe_load((recipes_dir() / "tiny" / arm.recipe).read_text(encoding="utf-8"))
        return recipe["grpo"] | {"multi_objective_aggregation": arm.aggregation}


def _headlines(metrics: Mapping[str, float]) -> dict[str, float]:
    names = [metric.name for metric in headlines()]
    return {name: round(metrics[name], 4) for name in names if name in metrics}


def table(study: Mapping[str, Any]) -> Table:
    """A line a run."""
    names = [metric.name for metric in headlines()]
    shown = Table("arm", "seed", *names, title=study["task"])
    for run in study["runs"]:
        numbers = (f"{run[name]:.3f}" if name in run else "-" for name in names)
        shown.add_row(run["arm"], str(run["seed"]), *numbers)
    return shown


def main() -> None:
    """Runs what is still to do, prints and writes the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="DATA_DIR/<dataset>, detected")
    parser.add_argument("--base", type=Path, required=True, help="a model of the tiny architecture")
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(FIRST_ROUND))
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--test", type=int, default=1000, help="faces that are evaluated on")
    parser.add_argument("--sft-faces", type=int, default=8000)
    parser.add_argument("--sft-steps", type=int, default=1000)
    parser.add_argument("--sft-rate", type=float, default=1e-3)
    parser.add_argument("--rl-faces", type=int, default=704)
    parser.add_argument("--rl-steps", type=int, default=44)
    parser.add_argument("--rl-groups", type=int, default=16, help="faces a step, of R4 too")
    parser.add_argument("--more-sft-rate", type=float, default=5e-4, help="of R4")
    parser.add_argument("--train-tower", action="store_true", help="in every arm from BASE")
    parser.add_argument("--keep", action="store_true", help="keep the checkpoints")
    given = parser.parse_args()
    console.file = sys.stderr  # stdout is for the JSON
    study = Study(given)
    found = study.run()
    write_text(study.out / "study.json", json.dumps(found, indent=2) + "\n")
    draw(found["contrasts"], study.out / "study.png")
    console.print(table(found))
    print(json.dumps(found, indent=2))
    if not given.keep:
        study.remove_checkpoints()


if __name__ == "__main__":
    main()
