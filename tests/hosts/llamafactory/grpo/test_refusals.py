"""A wrong configuration ends the run before the model loads, with one message."""

from pathlib import Path
from typing import Any

import pytest
from llamafactory.train.tuner import run_exp

from tag_plugin.hosts.llamafactory.checkpoints import CheckpointError
from tag_plugin.hosts.llamafactory.grpo import workflow
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.templates import TemplateError
from tests.hosts.llamafactory.grpo.grpo_data import REWARD_FILE, grpo_recipe, own_reward

pytestmark = pytest.mark.host


def grounding(**args: Any) -> dict[str, Any]:
    """Rows without detections, and a reward that needs them."""
    return {"dataset": "tag_prepared", "rewards": [{"name": "au_grounding", "args": args}]}


EVALUATED = {
    "eval_dataset": "tag_rl",
    "eval_strategy": "steps",
    "eval_steps": 1,
    "save_strategy": "steps",
    "save_steps": 1,
    "load_best_model_at_end": True,
}


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(workflow, "load_model", refuse)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        # the mapping
        (
            {"grpo": {"num_generation": 4}},
            "unknown setting 'num_generation'; did you mean 'num_gen",
        ),
        ({"grpo": {"xyzzy": 1}}, "unknown setting 'xyzzy'; next: one of beta"),
        ({"grpo": {"learning_rate": 1}}, "learning_rate belongs to the top level"),
        ({"grpo": {"max_prompt_length": 512}}, "max_prompt_length cannot be set: a cut prompt"),
        ({"grpo": {"reward_weights": [1.0]}}, "write the weight beside each reward"),
        ({"grpo": {"beta": "much"}}, "beta: Input should be a valid number.*not 'much'"),
        ({"grpo": {"num_generations": 1}}, "num_generations must be at least 2"),
        (
            {"grpo": {"num_generations": 3}},
            "a batch of 8 completions .*groups of num_generations 3",
        ),
        ({"grpo": {"steps_per_generation": 2, "generation_batch_size": 8}}, "can not be both"),
        ({"grpo": {"steps_per_generation": 3, "num_generations": 16}}, "a batch of 24 comp"),
        ({"grpo": {"loss_type": 3}}, "loss_type: Input should be a valid string"),
        ({"grpo": ["num_generations"]}, "grpo: must be a mapping"),
        ({"grpo": "num_generations=4"}, "grpo: not JSON .*next: write it as YAML"),
        (
            {"grpo": {"use_vllm": True}},
            r"use_vllm needs vLLM; next: pip install 'vllm>=0\.20,<0\.24'",
        ),
        ({"per_device_train_batch_size": 6}, "next: make it a multiple of 4"),
        # the rewards
        ({"rewards": ["au_groundin"]}, "unknown reward 'au_groundin'; did you mean 'au_ground"),
        ({"rewards": []}, "needs at least one"),
        ({"rewards": ["format", {"name": "format"}]}, "each name once"),
        ({"rewards": [{"name": "answer", "weight": "much"}]}, "weight: not a number but 'much'"),
        ({"rewards": [own_reward("no_keywords")]}, r"no_keywords\(completions\) cannot be called"),
        ({"rewards": [own_reward("vowels", args={"top": 1, "completions": 2})]}, "cannot be call"),
        ({"rewards": [{"name": "answer", "args": {"top": 1}}]}, "answer: args.top"),
        ({"rewards": ["missing.py:reward"]}, "missing.py:reward: no file"),
        ({"rewards": [f"{REWARD_FILE}:nothing"]}, "has no function 'nothing'"),
        ({"rewards": {"name": "answer"}}, "rewards: must be a list"),
        # the detector
        (grounding(detector="mediapip"), "unknown detector 'mediapip'; did you mean 'mediapipe'"),
        (grounding(detector_cache="x"), r"au_grounding: args\.detector: Field required"),
        (grounding(detector="cached", detector_options={"rows": "no.jsonl"}), "cached: no file no"),
        (grounding(detector="cached", detector_options={"row": "x"}), "cached: .*argument 'row'"),
        (
            grounding(detector="synthetic"),
            "rewards: detector synthetic, row synth-train-0000: ",
        ),
        # the data
        (
            {"dataset": "tag_prepared"},
            r"12 of 12 rows were never seen .*synth-train-0000.*detect synth, args: \{detector: ",
        ),
        (
            {"eval_dataset": "tag_prepared", "do_eval": True},
            "au_grounding needs detections, and 12 of 12",
        ),
        ({"dataset": "clips", "rewards": [own_reward("short")]}, "images only, not on"),
        (
            {"dataset": "plain", "rewards": None},
            "12 of 12 samples are no TAG rows, so that no reward applies .*What colour is this",
        ),
        (
            {"dataset": "tag_rl,text", "rewards": ["answer"]},
            r"12 of 24 samples are no TAG rows.*Say 0.*next: add a reward for them to rewards: \(",
        ),
        ({"dataset": "plain", "rewards": None, "template": "qwen2_vl"}, "need a tag_ template"),
        ({"max_samples": 1}, "a generation batch needs 2 prompts, the data has 1"),
        ({"streaming": True}, "streaming: false"),
        # the reference
        (
            {"finetuning_type": "lora", "pissa_init": True, "grpo": {"beta": 0.1}},
            r"beta > 0 with pissa_init: true: .*next: grpo: \{beta: 0\}, or leave pissa_init out",
        ),
        (
            {"train_from_scratch": True, "grpo": {"beta": 0.1}},
            "beta > 0 with train_from_scratch: the reference model is read from model_name_or_path",
        ),
        # the best checkpoint
        (
            EVALUATED,
            "metric_for_best_model: loss: .*next: one of eval_reward, eval_rewards/vowels/",
        ),
        (
            {**EVALUATED, "metric_for_best_model": "eval_rewards"},
            "metric_for_best_model: eval_rewards: .*next: one of eval_reward, ",
        ),
        (
            {**EVALUATED, "metric_for_best_model": "eval_reward", "greater_is_better": False},
            "would keep the worst; next: greater_is_better: true",
        ),
        (
            {**EVALUATED, "metric_for_best_model": "signal/no_spread"},
            "would keep the worst; next: greater_is_better: false",
        ),
        ({"early_stopping_steps": 2}, "early_stopping_steps needs evaluations; next: eval_dataset"),
        (
            {"eval_dataset": "tag_rl", "do_eval": True, "per_device_eval_batch_size": 6},
            "an evaluation batch of 6 completions .* multiple of 4",
        ),
        # what the host knows and this stage does not follow
        ({"temperature": 0.5}, "temperature: 0.5: stage: grpo does not follow it: next: say under"),
        ({"generation_max_length": 99}, r"next: grpo: \{max_completion_length"),
        ({"use_mca": True}, "use_mca: True: stage: grpo does not follow it: Megatron trains"),
        ({"fp8": True}, "fp8: True: stage: grpo does not follow it"),
        # the rest
        ({"signal_patience": 0}, "signal_patience: must be at least 1"),
        ({"signal_share": 0}, r"signal_share must be in \(0, 1\]"),
        ({"stage": "sft"}, "grpo: is for stage: grpo, not for stage: sft"),
        (
            {
                "finetuning_type": "lora",
                "adapter_name_or_path": "adapter",
                "grpo": {"beta": 0.1},
            },
            "next: create_new_adapter: true",
        ),
    ],
)
def test_refused(
    settings: dict[str, Any], said: str, qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    with pytest.raises(GrpoError, match=said) as refused:
        run_exp(grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", **settings))
    assert "\n" not in str(refused.value)


def test_a_checkpoint_that_is_not_there(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    named = {"resume_from_checkpoint": "saves/checkpoint-1", "overwrite_output_dir": False}
    with pytest.raises(CheckpointError, match=r"saves/checkpoint-1 does not exist; next: leave"):
        run_exp(grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", **named))


def test_tag_data_under_another_template(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    recipe = grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", template="qwen2_vl")
    with pytest.raises(TemplateError, match="next: template: tag_qwen2_vl"):
        run_exp({**recipe, "rewards": [own_reward("vowels")]})


def test_data_that_was_tokenized_for_sft(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    from tests.hosts.llamafactory.host_run import samples, train_args

    tokenized = str(tmp_path / "tokenized")
    samples(train_args(qwen2_5_vl, rl_data, tmp_path / "o", tokenized_path=tokenized))
    with pytest.raises(GrpoError, match="it was tokenized for another stage"):
        run_exp(grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", tokenized_path=tokenized))
