"""Runs of the host in processes of their own that kill themselves at a given moment.

They are forked off a process that has imported the host once, which is most of what a run costs.
"""

import json
import multiprocessing
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.hosts.llamafactory.preloaded_host"])

TIMES = ("_runtime", "_per_second", "_time", "total_flos")


def run(
    recipe: dict[str, Any],
    moment: str = "",
    processes: int = 1,
    how: int = signal.SIGKILL,
    largest_file: int = -1,
) -> list[int]:
    """Trains to the end, or until `moment`; the exit code of each process.

    Of several processes the first gets the signal; the others are then ended, as torchrun does.
    RANK in a text of the recipe stands for the number of the process.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = str(Path(recipe["output_dir"]).with_suffix(".log"))
    children = [
        FORKS.Process(
            target=_train,
            args=(recipe, "" if i else moment, how, largest_file, (i, processes, port), log),
        )
        for i in range(processes)
    ]
    for child in children:
        child.start()
    children[0].join(900)
    for child in children[1:]:
        child.join(900 if children[0].exitcode == 0 else 30)
        child.kill()
        child.join()
    return [999 if child.exitcode is None else child.exitcode for child in children]


def _train(
    recipe: dict[str, Any],
    moment: str,
    how: int,
    largest_file: int,
    place: tuple[int, int, int],
    log: str,
) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    rank, processes, port = place
    if processes > 1:
        where = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in where.items()}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "LOCAL_WORLD_SIZE": str(processes)}
    if "deepspeed" in recipe:
        import deepspeed.ops  # its compiled messages between processes take minutes to build

        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    from llamafactory.train.tuner import run_exp

    if moment:
        _signal_at(moment, how)
    own = {k: v.replace("RANK", str(rank)) if isinstance(v, str) else v for k, v in recipe.items()}
    try:
        run_exp(own)
    finally:
        if any(sys.exc_info()):  # as the interpreter does with what nobody catches
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
            os._exit(1)


def _signal_at(moment: str, how: int) -> None:
    """`moment` is "METHOD STEP": before that method of the trainer runs at that step."""
    from transformers import Trainer

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
