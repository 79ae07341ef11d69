"""Step time of `stage: grpo` beside a bare TRL script: same model, prompts, settings and rewards.

    python benchmarks/grpo_overhead.py [--model DIR] [--rows FILE] [--steps 12]

The two take turns, step by step, in one process: what else the machine does meets both. A step is
all that lies between two beginnings: data, generation, rewards, update, logging. Prints JSON: the
median of the paired ratios with its quartiles (aim: at most 1.03), the median step times, and the
share of a step that the rewards take (aim: under 0.01), for what the model wrote, and for the
reference traces in its place, which an untaught model does not write.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tag_plugin import _autoload

_autoload.install()

import torch  # noqa: E402  # the hosts come after the arming
from datasets import Dataset  # noqa: E402
from llamafactory.train.tuner import run_exp  # noqa: E402
from PIL import Image  # noqa: E402
from sft_throughput import make_missing  # noqa: E402
from timing.steps import StepClock, Turns, timed_rewards  # noqa: E402
from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

from tag_plugin.data.rows import Row, read_rows  # noqa: E402
from tag_plugin.facs.boxes import BoxFrame  # noqa: E402
from tag_plugin.hosts.llamafactory.grpo.rewards import Reward, parse_rewards  # noqa: E402
from tag_plugin.trace.prompt import grounded_prompt  # noqa: E402
from tag_plugin.trace.render import render  # noqa: E402

TEMPLATE, FRAME = "tag_qwen2_5_vl", BoxFrame.ABSOLUTE
WARM_UP: Final = 3
SIDES: Final = ("stage_grpo", "bare_trl")


def main() -> None:
    """Runs both in turns and prints the comparison."""
    options = _options()
    with tempfile.TemporaryDirectory() as work:
        make_missing(options, Path(work))
        with timed_rewards() as spent:
            seconds = _in_turns(options)
    rewards = spent["StageTrainer"][WARM_UP:]
    ours = seconds["stage_grpo"]
    ratios = [one / other for one, other in zip(ours, seconds["bare_trl"], strict=True)]
    quartiles = statistics.quantiles(ratios, n=4)
    report = {
        "benchmark": "grpo_overhead",
        "ratio": round(statistics.median(ratios), 4),
        "ratio_quartiles": [round(quartiles[0], 4), round(quartiles[2], 4)],
        "seconds_a_step": {side: round(statistics.median(seconds[side]), 4) for side in SIDES},
        "reward_share": round(sum(rewards) / sum(ours), 5),
        "reward_share_of_reference_traces": round(
            options.reference_seconds / statistics.median(ours), 5
        ),
        "steps": len(ratios),
        "settings": {name: str(value) for name, value in vars(options).items()},
    }
    print(json.dumps(report, indent=2))


def _in_turns(options: argparse.Namespace) -> dict[str, list[float]]:
    options.reference_seconds = reward_seconds(options)
    turns = Turns(SIDES)
    clocks = {side: StepClock(side, turns) for side in SIDES}
    runs: dict[str, Callable[..., None]] = {"stage_grpo": run_stage, "bare_trl": run_bare}

    def run(side: str) -> None:
        turns.take(side)
        try:
            runs[side](options, [clocks[side]])
        finally:
            turns.give(side, done=True)

    with ThreadPoolExecutor(len(SIDES)) as pool:
        list(pool.map(run, SIDES))
    return {side: clock.seconds[WARM_UP:] for side, clock in clocks.items()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="default: the tiny base")
    parser.add_argument("--rows", type=Path, help="built rows; default: synthetic faces")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--beta", type=float, default=0.04)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.set_defaults(checkpointing=False)
    return parser.parse_args()


def grpo_settings(options: argparse.Namespace) -> dict[str, Any]:
    """TRL's settings, the same on both sides; all completions are equally long."""
    return {
        "num_generations": options.group,
        "max_completion_length": options.tokens,
        "beta": options.beta,
        "generation_kwargs": {"min_new_tokens": options.tokens},
    }


def training_settings(options: argparse.Namespace, out: str) -> dict[str, Any]:
    """The trainer's settings, the same on both sides."""
    return {
        "output_dir": out,
        "use_cpu": options.device == "cpu",
        "report_to": "none",
        "max_steps": options.steps + WARM_UP,
        "per_device_train_batch_size": options.batch,
        "learning_rate": 1e-6,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "bf16": options.device != "cpu",
        "gradient_checkpointing": options.checkpointing,
    }


def run_stage(options: argparse.Namespace, callbacks: list[Any]) -> None:
    """`stage: grpo`, as llamafactory-cli would run it."""
    with tempfile.TemporaryDirectory() as out:
        run_exp(
            {
                "model_name_or_path": str(options.model),
                "stage": "grpo",
                "do_train": True,
                "finetuning_type": "full",
                "freeze_vision_tower": False,
                "freeze_multi_modal_projector": False,
                "disable_gradient_checkpointing": not options.checkpointing,
                "template": TEMPLATE,
                "dataset_dir": str(options.rows.parents[2]),
                "dataset": f"tag_{options.rows.parents[1].name}_{options.rows.stem}",
                "overwrite_output_dir": True,
                "first_batch_check": False,
                "grpo": grpo_settings(options),
                **training_settings(options, out),
                "gradient_checkpointing": False,  # the host turns it on while it loads the model
            },
            callbacks=callbacks,
        )


def run_bare(options: argparse.Namespace, callbacks: list[Any]) -> None:
    """What a user would write with TRL alone."""
    rewards = parse_rewards(None, FRAME)
    with tempfile.TemporaryDirectory() as out:
        config = GRPOConfig(
            **training_settings(options, out),
            **grpo_settings(options),
            max_prompt_length=None,
            reward_weights=list(rewards.weights),
        )
        processor = AutoProcessor.from_pretrained(options.model)
        pads = [
            processor.tokenizer.convert_tokens_to_ids(t) for t in ("<|image_pad|>", "<|video_pad|>")
        ]
        config.generation_kwargs = {**config.generation_kwargs, "suppress_tokens": pads}
        trainer = GRPOTrainer(
            model=AutoModelForImageTextToText.from_pretrained(options.model, dtype=torch.float32),
            reward_funcs=[_of_messages(each) for each in rewards.functions],
            args=config,
            train_dataset=_bare_dataset(options),
            processing_class=processor,
            callbacks=callbacks,
        )
        trainer.train()


def _of_messages(reward: Reward) -> Callable[..., list[float | None]]:
    """The same reward over TRL's conversational completions."""

    def judge(completions: list[list[dict[str, str]]], **columns: Any) -> list[float | None]:  # noqa: ANN401  # TRL's columns
        return reward(completions=[each[0]["content"] for each in completions], **columns)

    judge.__name__ = reward.name
    return judge


def _bare_dataset(options: argparse.Namespace) -> Dataset:
    samples = []
    for row in read_rows(options.rows):
        text = grounded_prompt(row.reference.labels, FRAME)
        samples.append(
            {
                "prompt": [{"role": "user", "content": text}],
                "image": str(options.rows.parents[1] / row.image),
                "tag_row": row.model_dump_json(exclude={"trace"}),
            }
        )
    return Dataset.from_list(samples).with_transform(_with_picture)


def _with_picture(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    pictures = [Image.open(path) for path in batch.pop("image")]
    return {**batch, "image": pictures}


def reward_seconds(options: argparse.Namespace) -> float:
    """What one batch of well-formed traces costs in rewards, each text new to them."""
    rows = list(read_rows(options.rows))
    batches = [_traces(rows, start, options.batch) for start in range(0, 8 * options.batch, 8)]
    functions = parse_rewards(None, FRAME).functions
    spent = []
    for batch in batches:
        start = time.perf_counter()
        for function in functions:
            function(**batch)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def _traces(rows: list[Row], start: int, count: int) -> dict[str, list[str]]:
    chosen = [rows[(start + offset) % len(rows)] for offset in range(count)]
    texts = [render(row.trace, FRAME) for row in chosen if row.trace is not None]
    return {
        "completions": [f"{text}{' ' * (start + 1)}" for text in texts],
        "tag_row": [row.model_dump_json(exclude={"trace"}) for row in chosen],
    }


if __name__ == "__main__":
    sys.exit(main())
