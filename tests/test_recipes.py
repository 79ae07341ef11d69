"""Every recipe is what the host's own parser accepts, and says what it is for."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.hosts.llamafactory.templates import TAG_TEMPLATES
from tag_plugin.hosts.paths import recipes_dir

RECIPES = sorted(recipes_dir().rglob("*.yaml"))
SFT = [path for path in RECIPES if path.name.startswith("tag_sft")]
TINY = [path for path in SFT if path.parent.name == "tiny"]
LARGE = [path for path in RECIPES if path.parent.name != "tiny" and "vllm" not in path.name]
NAMES = {path: str(path.relative_to(recipes_dir())) for path in RECIPES}


def needs_host(test: Any) -> Any:
    absent = find_spec("llamafactory") is None
    skipped = pytest.mark.skipif(absent, reason="LLaMA-Factory is not installed")
    return pytest.mark.host(skipped(test))


def _settings(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return found


def _different(first: str, second: str) -> set[str]:
    one, other = (_settings(recipes_dir() / name) for name in (first, second))
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def test_the_recipes_are_these():
    assert {NAMES[path] for path in SFT} == {
        "tag_sft.yaml",
        "tag_sft_zero3.yaml",
        "tag_sft_lora.yaml",
        "tag_sft_qwen3vl.yaml",
        "tag_sft_mixed.yaml",
        "tag_sft_label_only.yaml",
        "tag_sft_fer.yaml",
        "tiny/tag_sft.yaml",
        "tiny/tag_sft_lora.yaml",
        "tiny/tag_sft_mixed.yaml",
        "tiny/tag_sft_label_only.yaml",
    }


@pytest.fixture(scope="module")
def read_by_host() -> Any:
    """The host's parser of a recipe; what asks for a GPU is left out, its names apart."""
    from llamafactory.hparams.parser import _TRAIN_ARGS
    from transformers import HfArgumentParser

    parser = HfArgumentParser(_TRAIN_ARGS)

    def read(path: Path, out: Path) -> Any:
        settings = {**_settings(path), "output_dir": str(out)}
        settings.update({"use_cpu": True, "bf16": False} if settings.get("bf16") else {})
        settings.pop("deepspeed", None)
        return parser.parse_dict(settings)

    return read


@needs_host
@pytest.mark.parametrize("path", RECIPES, ids=NAMES.get)
def test_the_host_parses_every_setting(path: Path, read_by_host: Any, tmp_path: Path):
    model, data, training, finetuning, _ = read_by_host(path, tmp_path)
    assert data.template in TAG_TEMPLATES or "custom_reward" in path.name
    assert finetuning.stage == ("sft" if path in SFT else "grpo")
    assert finetuning.freeze_vision_tower is True
    assert finetuning.freeze_multi_modal_projector is (path.name == "tag_grpo_lora.yaml")
    assert finetuning.freeze_language_model is False
    assert model.trust_remote_code is False
    assert model.image_max_pixels >= 448 * 448 >= model.image_min_pixels
    assert isinstance(training.learning_rate, float)


@pytest.mark.parametrize("path", LARGE, ids=NAMES.get)
def test_a_recipe_reads_the_sets_that_data_make_writes(path: Path):
    parts = {"sft": {"sft", "sft_label_only", "my_images"}, "grpo": {"rl", "my_vqa"}}
    settings = _settings(path)
    for name in settings["dataset"].split(","):
        benchmark, _, part = name.removeprefix("tag_").partition("_")
        assert (part if benchmark in BENCHMARKS else name) in parts[settings["stage"]]


@pytest.mark.parametrize("path", LARGE, ids=NAMES.get)
def test_a_recipe_of_one_gpu_hides_the_others(path: Path):
    """The host starts a process on every GPU that it sees."""
    comment = path.read_text().partition("\n\n")[0]
    command = f"llamafactory-cli train recipes/{path.name}"
    where = "FORCE_TORCHRUN=1" if "deepspeed" in _settings(path) else "CUDA_VISIBLE_DEVICES=0"
    assert f"#   {where} {command}\n" in comment
    assert ("one GPU" in comment) == (where == "CUDA_VISIBLE_DEVICES=0")
    assert "After a stop" in comment


@pytest.mark.parametrize("path", RECIPES, ids=NAMES.get)
def test_a_recipe_begins_with_its_command_needs_and_results(path: Path):
    comment = path.read_text().partition("\n\n")[0]
    assert all(line.startswith("#") for line in comment.splitlines())
    assert f"llamafactory-cli train recipes/{NAMES[path]}" in comment
    assert "# Needs: " in comment
    assert "# Comes out: " in comment
    assert _settings(path)["output_dir"] in comment


@pytest.mark.parametrize("path", RECIPES, ids=NAMES.get)
def test_a_deepspeed_recipe_names_a_file_that_ships(path: Path):
    named = _settings(path).get("deepspeed")
    if named is not None:
        config = json.loads((recipes_dir().parent / named).read_text())
        assert config["zero_optimization"]["stage"] in (2, 3)


@pytest.mark.parametrize(
    ("first", "second", "different"),
    [
        ("tag_sft.yaml", "tag_sft_zero3.yaml", {"deepspeed", "output_dir"}),
        ("tag_sft.yaml", "tag_sft_label_only.yaml", {"dataset", "eval_dataset", "output_dir"}),
        (
            "tag_sft.yaml",
            "tag_sft_fer.yaml",
            {"dataset", "eval_dataset", "save_steps", "output_dir"},
        ),
        ("tag_sft.yaml", "tag_sft_qwen3vl.yaml", {"model_name_or_path", "template", "output_dir"}),
    ],
)
def test_twins_differ_in_nothing_else(first: str, second: str, different: set[str]):
    assert _different(first, second) == different


@pytest.mark.parametrize("path", TINY, ids=NAMES.get)
def test_a_tiny_recipe_trains_the_parts_that_the_real_one_trains(path: Path):
    real, tiny = _settings(recipes_dir() / path.name), _settings(path)
    parts = [
        "finetuning_type",
        "freeze_vision_tower",
        "freeze_multi_modal_projector",
        "freeze_language_model",
        "additional_target",
        "lora_target",
        "template",
        "mix_strategy",
        "lr_scheduler_type",
    ]
    assert {key: tiny.get(key) for key in parts} == {key: real.get(key) for key in parts}
