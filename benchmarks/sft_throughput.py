"""SFT samples/s of a tag_ template and `formatting: tag` against the host's own on the same texts.

Both sides train the tiny model on the same faces and the same conversations: ours from TAG rows,
the host's from a sharegpt dataset that holds the rendered texts. A round trains both sides one
after the other, the next round in the other order; the first warms up. The ratio is the median of
the rounds' own ratios, in wall-clock time and in processor time: what else the machine does shows
in the first alone. Preparation (reading, converting and tokenizing without a cache) is measured
beside the training.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("OMP_NUM_THREADS", "1")

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer
from llamafactory.train.tuner import run_exp
from transformers import TrainerCallback

from tag_plugin.data.rows import Row, read_rows, write_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.trace.prompt import grounded_prompt
from tag_plugin.trace.render import render

FRAME: Final = BoxFrame.ABSOLUTE
SIDES: Final = {"tag": "tag_qwen2_5_vl", "sharegpt": "qwen2_vl"}


def conversation(row: Row) -> dict[str, Any]:
    """The row as a sharegpt sample of the host."""
    if row.trace is None:
        raise SystemExit(f"row {row.id} has no trace; next: tag-plugin build")
    prompt = "<image>" + grounded_prompt(row.reference.labels, FRAME)
    messages = [
        {"from": "human", "value": prompt},
        {"from": "gpt", "value": render(row.trace, FRAME)},
    ]
    return {"conversations": messages, "images": [f"{row.dataset}/{row.image}"]}


def write_sides(rows: list[Row], images: Path, data_dir: Path) -> None:
    """Both datasets over the same pictures."""
    name = rows[0].dataset
    (data_dir / name).mkdir(parents=True)
    (data_dir / name / "images").symlink_to(images / "images", target_is_directory=True)
    write_rows(data_dir / name / "built/train.jsonl", rows)
    (data_dir / "sharegpt.json").write_text(json.dumps([conversation(row) for row in rows]))
    columns = {"messages": "conversations", "images": "images"}
    entries = {
        "tag": {"file_name": f"{name}/built/train.jsonl", "formatting": "tag"},
        "sharegpt": {"file_name": "sharegpt.json", "formatting": "sharegpt", "columns": columns},
    }
    (data_dir / "dataset_info.json").write_text(json.dumps(entries))


def recipe(side: str, options: argparse.Namespace, data_dir: Path, cache: Path) -> dict[str, Any]:
    """The same run for both sides, but for the dataset and its template."""
    return {
        "model_name_or_path": str(options.model),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "template": SIDES[side],
        "dataset_dir": str(data_dir),
        "dataset": side,
        "cache_dir": str(cache),
        "output_dir": str(data_dir / f"out-{side}"),
        "overwrite_output_dir": True,
        "use_cpu": True,
        "report_to": "none",
        "max_steps": options.steps,
        "per_device_train_batch_size": options.batch,
        "save_strategy": "no",
        "disable_tqdm": True,
    }


class Clock(TrainerCallback):  # type: ignore[misc]  # the host ships no types
    """Wall-clock and processor seconds of the training loop."""

    def on_train_begin(self, *_: object, **__: object) -> None:
        """Starts both."""
        self._start = time.perf_counter(), time.process_time()

    def on_train_end(self, *_: object, **__: object) -> None:
        """Stops both."""
        self.seconds = time.perf_counter() - self._start[0]
        self.processor_seconds = time.process_time() - self._start[1]


def prepared_per_second(settings: dict[str, Any], count: int) -> float:
    """Samples/s from the files on disk to token ids."""
    model_args, data_args, training_args, _, _ = get_train_args(settings)
    module = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(module["tokenizer"], data_args)
    start = time.perf_counter()
    get_dataset(template, model_args, data_args, training_args, stage="sft", **module)
    return count / (time.perf_counter() - start)


def trained(settings: dict[str, Any], samples: int) -> dict[str, float]:
    """Samples/s of the host's own training loop, and samples per processor second."""
    clock = Clock()
    run_exp(settings, callbacks=[clock])
    return {
        "training": samples / clock.seconds,
        "training_processor": samples / clock.processor_seconds,
    }


def measure(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Alternates the sides and compares each round's pair."""
    rows = list(read_rows(options.rows))[: options.samples]
    write_sides(rows, options.rows.resolve().parents[1], work / "data")
    rounds: list[dict[str, dict[str, float]]] = []
    for round_ in range(options.rounds + 1):
        order = list(SIDES) if round_ % 2 else list(reversed(SIDES))
        found = {}
        for side in order:
            settings = recipe(side, options, work / "data", work / f"cache-{round_}")
            prepared = prepared_per_second(dict(settings), len(rows))
            found[side] = {
                "preparing": prepared,
                **trained(dict(settings), options.steps * options.batch),
            }
        rounds.append(found)
    return {part: summary(rounds[1:], part) for part in rounds[0]["tag"]}


def summary(rounds: list[dict[str, dict[str, float]]], part: str) -> dict[str, Any]:
    """Samples/s of each side, the rounds' ratios (ours over the host's) and their median."""
    speeds = {side: [found[side][part] for found in rounds] for side in SIDES}
    ratios = [found["tag"][part] / found["sharegpt"][part] for found in rounds]
    return {
        "samples_per_second": {
            side: round(statistics.median(each), 2) for side, each in speeds.items()
        },
        "ratios": [round(ratio, 3) for ratio in ratios],
        "ratio": round(statistics.median(ratios), 3),
    }


def make_missing(options: argparse.Namespace, work: Path) -> None:
    """Makes the model and the rows that were not given, with the user's own commands."""
    synth = work / "made/synth"
    commands = []
    if options.model is None:
        options.model = work / "tiny_base"
        commands.append(["tiny", "base", "--out", str(options.model)])
    if options.rows is None:
        options.rows = synth / "built/train.jsonl"
        sizes = ["--train", str(options.samples), "--dev", "0", "--test", "0"]
        commands.append(["prepare", "synth", "--out", str(synth.parent), *sizes])
        commands += [["detect", str(synth), "--detector", "synthetic"], ["build", str(synth)]]
    for command in commands:
        subprocess.run(
            [sys.executable, "-m", "tag_plugin", *command], check=True, stdout=sys.stderr
        )


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="default: the tiny base, made for the occasion")
    parser.add_argument(
        "--rows", type=Path, help="default: synthetic faces, drawn for the occasion"
    )
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        make_missing(options, Path(work))
        print(json.dumps({"benchmark": "sft_throughput", **measure(options, Path(work))}, indent=2))


if __name__ == "__main__":
    main()
