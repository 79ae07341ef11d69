"""No setting of the host is ignored in silence: followed, or refused by name."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from llamafactory.hparams.parser import _TRAIN_ARGS
from llamafactory.train.tuner import run_exp
from transformers import HfArgumentParser

from tag_plugin.hosts.llamafactory.grpo.arguments import NOT_FOLLOWED, refuse_unfollowed
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.paths import recipes_dir
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward

pytestmark = pytest.mark.host

KNOWN = {each.name for arguments in _TRAIN_ARGS for each in fields(arguments)}


@pytest.fixture(scope="module")
def arguments() -> tuple[Any, ...]:
    settings = {"model_name_or_path": "m", "output_dir": "o", "stage": "grpo", "use_cpu": True}
    return tuple(HfArgumentParser(_TRAIN_ARGS).parse_dict(settings))


OF_ONE_GENERATION = {"group_by_length", "train_sampling_strategy"}  # of transformers: 4, or 5


@pytest.mark.parametrize("name", [each for each in NOT_FOLLOWED if each in KNOWN])
def test_a_changed_setting_is_refused_by_name(
    name: str, arguments: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
):
    (owner,) = (each for each in arguments if name in {f.name for f in fields(each)})
    refuse_unfollowed(owner)
    value = getattr(owner, name)
    monkeypatch.setattr(owner, name, not value if isinstance(value, bool) else "another")
    with pytest.raises(GrpoError, match=f"^{name}: .*stage: grpo does not follow it") as refused:
        refuse_unfollowed(owner)
    assert "\n" not in str(refused.value)


def test_every_setting_is_one_of_the_host():
    assert set(NOT_FOLLOWED) - KNOWN < OF_ONE_GENERATION


@pytest.mark.parametrize("path", sorted(recipes_dir().rglob("*grpo*.yaml")), ids=lambda p: p.name)
def test_the_shipped_recipes_ask_for_nothing_of_that(path: Path, tmp_path: Path):
    import yaml

    settings = {**yaml.safe_load(path.read_text()), "output_dir": str(tmp_path), "use_cpu": True}
    settings.pop("deepspeed", None)
    for each in HfArgumentParser(_TRAIN_ARGS).parse_dict(settings | {"bf16": False}):
        refuse_unfollowed(each)


def test_the_hosts_profilers_look_on(qwen2_5_vl: Path, rl_data: Path, tmp_path: Path):
    recipe = grpo_recipe(
        *(qwen2_5_vl, rl_data, tmp_path / "o"),
        rewards=[own_reward("vowels")],
        max_steps=2,
        enable_torch_profiler=True,
        profiler_wait_steps=0,
        profiler_warmup_steps=0,
        profiler_with_stack=False,
        profiler_record_shapes=False,
        profile_modules="*.visual",
    )
    run_exp(recipe)
    assert [*(tmp_path / "o/profiler").rglob("*.json*")]
