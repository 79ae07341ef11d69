"""Training and evaluation with vLLM on a CPU, and what the tests change in them."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import vllm
from llamafactory.train.tuner import run_exp
from torch.nn import functional
from vllm.model_executor.layers import utils

from tag_plugin.hosts.llamafactory.patches import changed_for_vllm
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe


def recipe(model: Path, data: Path, out: Path, **settings: Any) -> dict[str, Any]:
    """Three steps of two groups of four, in float32, at a rate that changes the policy."""
    grpo = {"use_vllm": True, "max_completion_length": 192, **settings.pop("grpo", {})}
    return grpo_recipe(
        model,
        data,
        out,
        **{
            "rewards": ["answer", "au_grounding", "format"],
            "freeze_vision_tower": True,
            "image_max_pixels": 448 * 448,
            "max_samples": 16,
            "rollout_steps": 1,
            "bf16": False,
            "grpo": grpo,
            **settings,
        },
    )


def ready_for_cpu() -> None:
    """The CPU build packs the weights of a linear layer, which then take no others.

    Nothing is compiled: it would take longer than all that is generated here.
    """
    utils.dispatch_cpu_unquantized_gemm = _plain_linear
    vllm.LLM = partial(vllm.LLM, enforce_eager=True)


def train(settings: dict[str, Any], change: Callable[[Any], None] | None = None) -> None:
    """One run; `change` is given the module of the stage's trainer."""
    ready_for_cpu()
    if change is not None:
        with changed_for_vllm():
            from tag_plugin.hosts.llamafactory.grpo import trainer
        change(trainer)
    run_exp(settings)


def without_sync(trainer: Any) -> None:
    """The engine keeps the weights that it was built with."""
    trainer.StageTrainer._move_model_to_vllm = lambda _: None


def keeping_ids(file: Path, trainer: Any) -> None:
    """Every generation's ids, one a line: of the prompts, as SFT has them, of the completions."""
    generate = trainer.StageTrainer._generate_single_turn

    def kept(self: Any, prompts: Any, images: Any) -> Any:
        output = generate(self, prompts, images)
        ids = {"prompts": output[0], "sft": self._prompt_ids(), "completions": output[1]}
        with file.open("a") as lines:
            lines.write(json.dumps({name: [list(each) for each in v] for name, v in ids.items()}))
            lines.write("\n")
        return output

    trainer.StageTrainer._generate_single_turn = kept


def forbidding_nothing(file: Path, trainer: Any) -> None:
    """The same without the ids that are kept out of reach."""
    trainer._forbid = lambda *_: None
    keeping_ids(file, trainer)


def _plain_linear(layer: Any, remove_weight: bool) -> None:
    layer.cpu_linear = functional.linear
