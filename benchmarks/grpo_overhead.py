"""Step time of `stage: grpo` beside a bare TRL script: same model, prompts, settings and rewards.

    python benchmarks/grpo_overhead.py [MODEL_DIR [DATA_DIR]] [--dataset NAME] [--steps 8]

Both run in this process, in turns, so that what else the machine does meets both. Prints JSON: the
median step times, their ratio (aim: at most 1.03), and the share of a step spent in the rewards.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tag_plugin import _autoload

_autoload.install()

import torch  # noqa: E402  # the hosts come after the arming
from datasets import Dataset  # noqa: E402
from llamafactory.train.tuner import run_exp  # noqa: E402
from PIL import Image  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForImageTextToText,
    AutoProcessor,
    TrainerCallback,
)
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

from tag_plugin.data.rows import read_rows  # noqa: E402
from tag_plugin.facs.boxes import BoxFrame  # noqa: E402
from tag_plugin.hosts.llamafactory.grpo.rewards import Reward, parse_rewards  # noqa: E402
from tag_plugin.trace.prompt import grounded_prompt  # noqa: E402

TEMPLATE, FRAME = "tag_qwen2_5_vl", BoxFrame.ABSOLUTE
WARM_UP = 2


class StepClock(TrainerCallback):  # type: ignore[misc]  # the host ships no types
    """Seconds of each optimizer step, without what happens between the steps."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_: object, **__: object) -> None:
        """Starts the clock."""
        self._start = time.perf_counter()

    def on_step_end(self, *_: object, **__: object) -> None:
        """Stops it."""
        self.seconds.append(time.perf_counter() - self._start)


def main() -> None:
    """Runs both in turns and prints the comparison."""
    options = _options()
    if not (options.model / "config.json").is_file():
        reason = (
            f"no model in {options.model}; next: llamafactory-cli train recipes/tiny/tag_sft.yaml"
        )
        print(json.dumps({"skipped": reason}))
        return
    ours, bare = StepClock(), StepClock()
    with _reward_clock() as reward_seconds:
        for _ in range(options.rounds):
            _run_stage(options, ours)
            _run_bare(options, bare)
    report = {"stage_grpo": _step(ours, options), "bare_trl": _step(bare, options)}
    ratio = report["stage_grpo"] / report["bare_trl"]
    share = sum(reward_seconds) / (sum(ours.seconds) + sum(bare.seconds))
    settings = {name: str(value) for name, value in vars(options).items()}
    print(json.dumps({"seconds_a_step": report, "ratio": ratio, "reward_share": share, **settings}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=Path("saves/tiny/tag_sft"))
    parser.add_argument("data", type=Path, nargs="?", default=Path("data"))
    parser.add_argument("--dataset", default="tag_synth_train")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--beta", type=float, default=0.04)
    return parser.parse_args()


def _grpo(options: argparse.Namespace) -> dict[str, Any]:
    lengths = {"min_new_tokens": options.tokens}  # both write equally long completions
    return {
        "num_generations": options.group,
        "max_completion_length": options.tokens,
        "beta": options.beta,
        "generation_kwargs": lengths,
    }


def _shared(options: argparse.Namespace, out: str) -> dict[str, Any]:
    return {
        "output_dir": out,
        "use_cpu": not torch.cuda.is_available(),
        "report_to": "none",
        "max_steps": options.steps + WARM_UP,
        "per_device_train_batch_size": options.batch,
        "learning_rate": 1e-6,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "bf16": torch.cuda.is_available(),
        "gradient_checkpointing": False,
    }


def _run_stage(options: argparse.Namespace, clock: StepClock) -> None:
    with tempfile.TemporaryDirectory() as out:
        recipe = {
            "model_name_or_path": str(options.model),
            "stage": "grpo",
            "do_train": True,
            "finetuning_type": "full",
            "freeze_vision_tower": False,
            "freeze_multi_modal_projector": False,
            "disable_gradient_checkpointing": True,
            "template": TEMPLATE,
            "dataset_dir": str(options.data),
            "dataset": options.dataset,
            "overwrite_output_dir": True,
            "first_batch_check": False,
            "grpo": _grpo(options),
            **_shared(options, out),
        }
        run_exp(recipe, callbacks=[clock])


def _run_bare(options: argparse.Namespace, clock: StepClock) -> None:
    rewards = parse_rewards(None, FRAME)
    with tempfile.TemporaryDirectory() as out:
        config = GRPOConfig(
            **_shared(options, out),
            **_grpo(options),
            max_prompt_length=None,
            reward_weights=list(rewards.weights),
        )
        processor = AutoProcessor.from_pretrained(options.model)
        pads = [
            processor.tokenizer.convert_tokens_to_ids(t) for t in ("<|image_pad|>", "<|video_pad|>")
        ]
        config.generation_kwargs = {**config.generation_kwargs, "suppress_tokens": pads}
        trainer = GRPOTrainer(
            model=AutoModelForImageTextToText.from_pretrained(options.model),
            reward_funcs=[_of_messages(each) for each in rewards.functions],
            args=config,
            train_dataset=_bare_dataset(options),
            processing_class=processor,
            callbacks=[clock],
        )
        trainer.train()


def _of_messages(reward: Reward) -> Callable[..., list[float | None]]:
    """The same reward over TRL's conversational completions."""

    def judge(completions: list[list[dict[str, str]]], **columns: Any) -> list[float | None]:  # noqa: ANN401  # TRL's columns
        return reward(completions=[each[0]["content"] for each in completions], **columns)

    judge.__name__ = reward.name
    return judge


def _bare_dataset(options: argparse.Namespace) -> Dataset:
    entry = json.loads((options.data / "dataset_info.json").read_text())[options.dataset]
    file = options.data / entry["file_name"]
    samples = []
    for row in read_rows(file):
        text = grounded_prompt(row.reference.labels, FRAME)
        samples.append(
            {
                "prompt": [{"role": "user", "content": text}],
                "image": str(file.parent.parent / row.image),
                "tag_row": row.model_dump_json(exclude={"trace"}),
            }
        )
    return Dataset.from_list(samples).with_transform(_with_picture)


def _with_picture(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    pictures = [Image.open(path) for path in batch.pop("image")]
    return {**batch, "image": pictures}


@contextmanager
def _reward_clock() -> Iterator[list[float]]:
    """Seconds that GRPOTrainer spends in `_calculate_rewards`, in both."""
    spent: list[float] = []
    original = GRPOTrainer._calculate_rewards

    def timed(*args: Any) -> Any:  # noqa: ANN401  # TRL's
        start = time.perf_counter()
        found = original(*args)
        spent.append(time.perf_counter() - start)
        return found

    GRPOTrainer._calculate_rewards = timed
    try:
        yield spent
    finally:
        GRPOTrainer._calculate_rewards = original


def _step(clock: StepClock, options: argparse.Namespace) -> float:
    length = options.steps + WARM_UP
    rounds = [clock.seconds[i : i + length] for i in range(0, len(clock.seconds), length)]
    return statistics.median(second for each in rounds for second in each[WARM_UP:])


if __name__ == "__main__":
    main()
