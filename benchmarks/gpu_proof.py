"""Do the recipes hold on a GPU? Eight minutes on one H100, without a network.

    python benchmarks/gpu_proof.py --out gpu_proof.jsonl [--demo runs/demo] [--stages NAME ...]
    python benchmarks/gpu_proof.py --out cpu.jsonl --device cpu     # rehearsal, with tiny shapes

The models have the shapes of Qwen2.5-VL-7B and -3B and random weights, so that nothing has to be
fetched; with `--demo`, the folder of `tag-plugin demo`, its trained model is read as well. Every
stage is a process of its own with its own time limit, and appends one JSON line to `--out` at once:
what it measured, what was expected, and whether it held. A stage that fails takes no other with it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

STAGES: Final[Mapping[str, int]] = {
    "versions": 60,
    "demo_fp32": 60,
    "demo_bf16": 60,
    "tiny_sft": 60,
    "model_7b": 120,
    "sft_lora_7b": 120,
    "grpo_lora_7b": 150,
    "model_3b": 60,
    "grpo_zero3_3b": 150,
    "sft_zero2_3b": 150,
}
"""Stage -> seconds after which it is stopped; `model_*` write the weights of the next ones."""

ONE_RANK: Final = {
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
    "LOCAL_WORLD_SIZE": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29677",
}
"""What torchrun tells its one child."""


def main() -> None:
    """Runs the stages in order; exit code 1 if one did not hold."""
    options = _options()
    if options.stage:
        _run_here(options)
        return
    lines, started = [], time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        options.work = Path(work)
        make_faces(options, options.faces)
        for stage in options.stages:
            if stage.startswith("demo") and options.demo is None:
                continue
            left = options.minutes * 60 - (time.monotonic() - started)
            limit = max(min(STAGES[stage], left), 0) if options.device == "cuda" else 600
            lines.append(_in_own_process(stage, options, limit))
            with options.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(lines[-1]) + "\n")
            print(json.dumps(lines[-1]), flush=True)
    sys.exit(0 if all(line["holds"] for line in lines) else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu_proof.jsonl"))
    parser.add_argument("--demo", type=Path, help="the folder of `tag-plugin demo`")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--faces", type=int, default=256, help="that are drawn to train on")
    parser.add_argument("--minutes", type=float, default=9, help="of all stages together")
    parser.add_argument("--work", type=Path, help="where 30 GB of weights may lie for a while")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)  # its own process
    return parser.parse_args()


def _in_own_process(stage: str, options: argparse.Namespace, limit: float) -> dict[str, Any]:
    """The stage's JSON line, or why there is none."""
    demo = ("--demo", str(options.demo)) if options.demo else ()
    given = ("--stage", stage, "--device", options.device, "--work", str(options.work), *demo)
    log, started = options.work / f"{stage}.log", time.monotonic()
    line: dict[str, Any] = {"stage": stage, "holds": False}
    with log.open("w") as written, suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, __file__, *given],
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
            stdout=written,
            stderr=subprocess.STDOUT,
            timeout=limit,
            check=False,
        )
    result = options.work / f"{stage}.json"
    if result.is_file():
        line |= json.loads(result.read_text(encoding="utf-8"))
    else:
        line["log"] = log.read_text(errors="replace")[-2000:]
    return line | {"wall_seconds": round(time.monotonic() - started, 1)}


def make_faces(options: argparse.Namespace, count: int) -> None:
    """Drawn faces to train on, below `work`."""
    data = options.work / "data"
    commands = (
        ("prepare", "synth", "--out", data, "--train", str(count), "--dev", "0", "--test", "0"),
        ("detect", data / "synth", "--detector", "synthetic"),
        ("build", data / "synth"),
    )
    for command in commands:
        words = [sys.executable, "-m", "tag_plugin", *map(str, command)]
        subprocess.run(words, check=True, stdout=sys.stderr)


def _run_here(options: argparse.Namespace) -> None:
    """One stage, in this process; its result is a file of the work folder."""
    from tag_plugin import _autoload

    _autoload.install()
    from gpu_stages import RUNS

    run: Callable[[argparse.Namespace], tuple[Mapping[str, Any], Mapping[str, bool]]]
    run = RUNS[options.stage]
    measured, expected = run(options)
    holds = all(expected.values())
    line = {"device": options.device, **measured, "expected": expected, "holds": holds}
    (options.work / f"{options.stage}.json").write_text(json.dumps(line), encoding="utf-8")


if __name__ == "__main__":
    main()
