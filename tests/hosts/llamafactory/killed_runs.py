"""Runs of the host in processes of their own that kill themselves at a given moment."""

import json
import os
import resource
import signal
from functools import cache, partial
from pathlib import Path
from typing import Any

from llamafactory.train.tuner import run_exp
from transformers import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, Trainer

from tests.forked import LONGEST, begun, ended, ranks

TIMES = ("_runtime", "_per_second", "_time", "total_flos")


def run(
    recipe: dict[str, Any],
    moment: str = "",
    processes: int = 1,
    how: int = signal.SIGKILL,
    largest_file: int = -1,
    **environment: str,
) -> list[int]:
    """Trains to the end, or until `moment`; the exit code of each process.

    Of several processes the first gets the signal; the others are then ended, as torchrun does.
    RANK in a text of the recipe stands for the number of the process.
    """
    _import_what_runs_load("deepspeed" in recipe)
    log = Path(recipe["output_dir"]).with_suffix(".log")
    first, *others = [
        begun(
            partial(_train, recipe, "" if i else moment, how, largest_file, i),
            log,
            **environment,
            **place,
        )
        for i, place in enumerate(ranks(processes))
    ]
    code = ended(first)
    return [code, *(ended(other, LONGEST if code == 0 else 30) for other in others)]


@cache
def _import_what_runs_load(with_deepspeed: bool) -> None:
    """Once here rather than in every run."""
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING.keys()
    if with_deepspeed:
        import deepspeed.ops  # its compiled messages between processes take minutes to build

        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def _train(recipe: dict[str, Any], moment: str, how: int, largest_file: int, rank: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    if moment:
        _signal_at(moment, how)
    run_exp(
        {k: v.replace("RANK", str(rank)) if isinstance(v, str) else v for k, v in recipe.items()}
    )


def _signal_at(moment: str, how: int) -> None:
    """`moment` is "METHOD STEP": before that method of the trainer runs at that step."""
    name, _, step = moment.partition(" ")
    original = getattr(Trainer, name)

    def cut(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == int(step):
            os.kill(os.getpid(), how)
        return original(self, *args, **kwargs)

    setattr(Trainer, name, cut)


def left_behind(out: Path) -> dict[str, Any]:
    """All that a run leaves: weights, states and logs; what a clock says is left out."""
    weights = {file.name: file.read_bytes() for file in out.glob("*.safetensors")}
    state = json.loads((out / "trainer_state.json").read_text())
    lines = (out / "trainer_log.jsonl").read_text().splitlines()
    return {
        "weights": weights,
        "history": [_timeless(each) for each in state["log_history"]],
        "steps": (state["global_step"], state["max_steps"], state["epoch"]),
        "log": [_timeless(json.loads(line)) for line in lines],
        "results": _timeless(json.loads((out / "all_results.json").read_text())),
        "checkpoints": sorted(each.name for each in out.glob("checkpoint-*")),
    }


def _timeless(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if not name.endswith(TIMES)}
