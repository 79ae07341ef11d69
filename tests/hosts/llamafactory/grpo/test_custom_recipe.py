"""The recipe for data that has nothing to do with faces: it parses, and a real run learns."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from llamafactory.hparams.parser import _TRAIN_ARGS
from llamafactory.train.tuner import run_exp
from transformers import HfArgumentParser

from tag_plugin.data.checkpoint_record import read_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.arguments import STAGE
from tag_plugin.hosts.llamafactory.grpo.reward_files import load_function
from tag_plugin.hosts.llamafactory.grpo.reward_tryout import read_completions, try_rewards
from tag_plugin.hosts.llamafactory.grpo.rewards import parse_rewards
from tag_plugin.hosts.llamafactory.grpo.settings import check_settings
from tag_plugin.hosts.paths import recipes_dir
from tag_plugin.tiny import write_base
from tests.hosts.llamafactory.grpo.test_run import lines

RECIPES = {
    str(path.relative_to(recipes_dir())): yaml.safe_load(path.read_text())
    for path in sorted(recipes_dir().rglob("*.yaml"))
}
GRPO = [name for name, settings in RECIPES.items() if settings["stage"] == STAGE]
CUSTOM = ["grpo_custom_reward.yaml", "tiny/grpo_custom_reward.yaml"]


@pytest.fixture(autouse=True)
def beside_the_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe names its reward files from the folder that `recipes/` lies in."""
    monkeypatch.chdir(recipes_dir().parent)


@pytest.mark.host
@pytest.mark.parametrize("name", GRPO)
def test_every_grpo_recipe_is_what_the_stage_accepts(name: str, tmp_path: Path):
    settings = {**RECIPES[name], "output_dir": str(tmp_path)}
    # what asks for hardware that a test machine may lack; the names are checked all the same
    settings.update({"use_cpu": True, "bf16": False} if settings.get("bf16") else {})
    settings.pop("deepspeed", None)
    _, data, training, finetuning, _ = HfArgumentParser(_TRAIN_ARGS).parse_dict(settings)
    frame = BoxFrame.ABSOLUTE if data.template.startswith("tag_") else None
    rewards = parse_rewards(finetuning.rewards, frame)
    assert set(rewards.weights) > {0} or min(rewards.weights) > 0
    group = check_settings(finetuning.grpo)["num_generations"]
    accumulated = training.per_device_train_batch_size * training.gradient_accumulation_steps
    assert accumulated % group == 0
    assert isinstance(training.learning_rate, float)


def test_the_recipes_for_other_data_are_these():
    assert [name for name in GRPO if not RECIPES[name]["template"].startswith("tag_")] == CUSTOM


@pytest.mark.parametrize(
    ("function", "text", "known", "value"),
    [
        ("exact", " red", "Red.", 1.0),
        ("exact", "red square", "Red.", 0.0),
        ("close", "red", "Red.", 1.0),
        ("close", "rid", "Red.", 2 / 3),
        ("close", "", "Red.", 0.0),
        ("close", "xyz" * 400, "Red.", 0.0),
    ],
)
def test_the_shipped_rewards(function: str, text: str, known: str, value: float):
    reward = load_function("recipes/rewards/short_answer.py", function)
    assert reward(completions=[text], solution=[known], images=[[]]) == [pytest.approx(value)]


@pytest.mark.host
@pytest.mark.slow
def test_a_run_on_other_data_learns_from_a_reward_file(tmp_path: Path):
    """As the recipe's comment says, but for the folders, and fewer steps."""
    data = tmp_path / "data"
    subprocess.run([sys.executable, "recipes/tiny/colours.py", str(data)], check=True)
    recipe: dict[str, Any] = {
        **RECIPES["tiny/grpo_custom_reward.yaml"],
        "model_name_or_path": str(write_base(tmp_path / "base")),
        "dataset_dir": str(data),
        "cache_dir": str(tmp_path / "cache"),
        "output_dir": str(tmp_path / "out"),
        "per_device_train_batch_size": 32,
        "max_steps": 8,
        "learning_rate": 1e-3,
        "rollout_steps": 7,
        "disable_tqdm": True,
    }
    run_exp(recipe)
    log = [each for each in lines(tmp_path / "out/grpo_log.jsonl") if "reward" in each]
    close = [each["rewards/close/mean"] for each in log]
    assert len(close) == 8
    assert sum(close[-3:]) > 1.2 * sum(close[:3])
    assert {each["rewards/exact/applicable"] for each in log} == {1.0}
    rollouts = lines(tmp_path / "out/rollouts.jsonl")
    assert {each["solution"] for each in rollouts} <= {"Red.", "Green.", "Blue.", "Grey."}
    assert rollouts[0]["rewards"].keys() == {"exact", "close"}
    samples = read_completions(tmp_path / "out/rollouts.jsonl", None)
    for tried in try_rewards(recipe["rewards"], samples, None)[:-1]:
        recorded = [each["rewards"][tried.name] for each in rollouts]
        assert tried.values == pytest.approx(recorded), "reward try gives what training gave"
    assert (tmp_path / "out/training_rewards_close_mean.png").is_file()
    assert (tmp_path / "out/model.safetensors").is_file()
    assert read_checkpoint_record(tmp_path / "out") is None, "the template declares no box frame"
