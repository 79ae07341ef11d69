"""Whole runs of the stage: what they leave behind, and what they refuse at the first batch."""

import json
from pathlib import Path
from typing import Any

import pytest
from llamafactory.train.tuner import run_exp

from tag_plugin.data.checkpoint_record import read_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.report.grpo.page import write_grpo_report
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward

pytestmark = pytest.mark.host


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def finished(qwen2_5_vl: Path, rl_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps on TAG rows with everything switched on."""
    out = tmp_path_factory.mktemp("grpo") / "out"
    run_exp(
        grpo_recipe(
            qwen2_5_vl,
            rl_data,
            out,
            grpo={"beta": 0.1},
            rewards=[own_reward("vowels", weight=2.0), "answer", "au_grounding", "format"],
            max_steps=2,
            rollout_steps=1,
            rollout_samples=4,
            plot_loss=True,
            save_strategy="steps",
            save_steps=1,
            eval_dataset="tag_rl",
            eval_strategy="steps",
            eval_steps=2,
            do_eval=True,
            max_samples=4,
            per_device_eval_batch_size=4,
        )
    )
    return out


def test_the_checkpoints_say_how_they_were_asked(finished: Path):
    for folder in (finished, finished / "checkpoint-1"):
        record = read_checkpoint_record(folder)
        assert record is not None
        assert record.template == "tag_qwen2_5_vl"
        assert record.box_frame is BoxFrame.ABSOLUTE
        # the second is transformers 5's
        names = ("preprocessor_config.json", "processor_config.json")
        assert any((folder / name).is_file() for name in names)


def test_every_part_is_logged_apart(finished: Path):
    first = lines(finished / "grpo_log.jsonl")[0]
    for name in ("vowels", "answer", "au_grounding", "format"):
        for what in ("mean", "std", "applicable"):
            assert f"rewards/{name}/{what}" in first
    assert first["reward"] == pytest.approx(
        2 * first["rewards/vowels/mean"]
        + first["rewards/answer/mean"]
        + first["rewards/au_grounding/mean"]
        + 0.2 * first["rewards/format/mean"],
        abs=1e-6,
    )
    assert first["rewards/no_claim/mean"] == 1.0  # it cannot write yet
    for name in ("signal/no_spread", "kl", "entropy", "completions/clipped_ratio"):
        assert name in first
    assert (finished / "training_rewards_vowels_mean.png").is_file()
    assert "reward" in lines(finished / "trainer_log.jsonl")[0]
    assert "eval_reward" in json.loads((finished / "eval_results.json").read_text())


def test_rollouts(finished: Path):
    found = lines(finished / "rollouts.jsonl")
    assert [each["step"] for each in found] == [1] * 4 + [2] * 4
    first = found[0]
    assert first["prompt_id"].startswith("synth-train-")
    assert Path(first["images"][0]).is_file()
    assert first["rewards"].keys() == {"vowels", "answer", "au_grounding", "format"}
    assert first["verdict"]["parsed"]["answer"] is None
    assert "missing answer" in first["verdict"]["parsed"]["defects"]
    weights = {"vowels": 2.0, "answer": 1.0, "au_grounding": 1.0, "format": 0.2}
    total = sum(weights[name] * value for name, value in first["rewards"].items())
    assert first["total"] == pytest.approx(total)
    assert {target["au"] for target in first["verdict"]["targets"]} <= {4, 12, 15}
    assert len({each["prompt_id"] for each in found[:4]}) == 1  # a whole group


def test_the_report_of_the_run(finished: Path, tmp_path: Path):
    write_grpo_report(finished, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for word in ("Rewards by part", "Clipped share", "held-out rows", "Drift of the Action Units"):
        assert word in page
    assert "synth-train-" in page


def test_plain_data_with_a_reward_of_ones_own(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    """Nothing of TAG: the host's template, a sharegpt data set, a Python file."""
    recipe = grpo_recipe(
        qwen2_5_vl,
        rl_data,
        tmp_path / "o",
        template="qwen2_vl",
        dataset="plain",
        rewards=[own_reward("names_the_number"), own_reward("short")],
        max_steps=1,
        rollout_steps=1,
    )
    recipe.pop("first_batch_check")  # it is about TAG's grammar, so it does not apply
    run_exp(recipe)
    first = lines(tmp_path / "o/grpo_log.jsonl")[0]
    assert first["rewards/names_the_number/applicable"] == 1
    assert lines(tmp_path / "o/rollouts.jsonl")[0]["solution"].startswith("Colour number")
    assert read_checkpoint_record(tmp_path / "o") is None


def test_a_mix_rewards_each_row_with_what_applies(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    """TAG rows, other pictures, two pictures a sample, no picture at all."""
    run_exp(
        grpo_recipe(
            qwen2_5_vl,
            rl_data,
            tmp_path / "o",
            dataset="tag_rl,plain,pairs,text",
            max_samples=6,
            rewards=["format", own_reward("names_the_number")],
            max_steps=24,
            per_device_train_batch_size=4,  # one group a step: a reward applies to all or to none
            logging_steps=24,
        )
    )
    (first, *_) = lines(tmp_path / "o/grpo_log.jsonl")
    shares = [first[f"rewards/{name}/applicable"] for name in ("format", "names_the_number")]
    assert shares == pytest.approx([0.25, 0.75])  # one whole epoch
    for name in ("format", "names_the_number"):
        assert 0 <= first[f"rewards/{name}/mean"] <= 1, "over the steps to which it applied"


@pytest.mark.parametrize("finetuning_type", ["lora", "freeze"])
def test_finetuning_types(finetuning_type: str, qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    run_exp(
        grpo_recipe(
            qwen2_5_vl,
            rl_data,
            tmp_path / "o",
            finetuning_type=finetuning_type,
            freeze_trainable_layers=1,
            grpo={"beta": 0.1},
            max_steps=1,
        )
    )
    weights = "adapter_model.safetensors" if finetuning_type == "lora" else "model.safetensors"
    assert (tmp_path / "o" / weights).is_file()


@pytest.mark.parametrize(("dataset", "steps"), [("tag_rl", 0), ("tag_rl,text", 1)])
def test_a_first_batch_without_one_answer_is_refused(
    dataset: str, steps: int, qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    """Of a mix the first batch that has TAG rows; seed 42 begins with the two rows of text."""
    recipe = grpo_recipe(
        *(qwen2_5_vl, rl_data, tmp_path / "o"),
        dataset=dataset,
        max_samples=2,
        seed=42,
        first_batch_check=True,
    )
    with pytest.raises(GrpoError, match=r"not one of the first 8 completions.*cold-start with SFT"):
        run_exp(recipe)
    log = tmp_path / "o/grpo_log.jsonl"
    assert len(lines(log) if log.exists() else []) == steps


def test_silent_rewards_warn_and_stop(
    qwen2_5_vl: Path, rl_data: Path, tmp_path: Path, host_log: list[str]
):
    run_exp(
        grpo_recipe(
            qwen2_5_vl,
            rl_data,
            tmp_path / "o",
            rewards=["answer"],
            max_steps=6,
            signal_warning=1,
            signal_patience=3,
        )
    )
    assert sum("have no spread of rewards" in said for said in host_log) == 3
    assert any("signal_patience is at an end" in said for said in host_log)
    assert any("no completion has an answer" in said for said in host_log)
    steps = [each["step"] for each in lines(tmp_path / "o/grpo_log.jsonl")]
    assert max(steps) == 3
