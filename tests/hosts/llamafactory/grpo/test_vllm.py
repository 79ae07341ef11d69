"""What is refused and what TRL is given; runs with vLLM are in tests/vllm."""

from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset

from tag_plugin.hosts.llamafactory.grpo import vllm
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.settings import GRPOConfig
from tag_plugin.hosts.versions import TESTED

pytestmark = pytest.mark.host


def config(**settings):
    settings = {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_enable_sleep_mode": False,
        **settings,
    }
    return SimpleNamespace(max_completion_length=512, **settings)


@pytest.mark.parametrize(
    ("settings", "allocator", "message"),
    [
        ({"vllm_mode": "server"}, "", "cannot send pictures .*; next: vllm_mode: colocate"),
        (
            {"vllm_enable_sleep_mode": True},
            "expandable_segments:True",
            "next: OPTIM_TORCH=0 before the same command",
        ),
        ({"vllm_enable_sleep_mode": True}, "", "only a GPU has memory to free"),
    ],
)
def test_what_cannot_run_is_refused(monkeypatch, settings, allocator, message):
    monkeypatch.setattr(vllm, "find_spec", lambda _: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", allocator)
    with pytest.raises(GrpoError, match=message):
        vllm.check_vllm(config(**settings))
    vllm.check_vllm(config())
    vllm.check_vllm(config(use_vllm=False, **settings))


def test_a_recipe_that_names_no_mode_means_the_one_that_runs():
    assert GRPOConfig.vllm_mode == "colocate"


def test_the_advice_names_the_tested_range(monkeypatch):
    monkeypatch.setattr(vllm, "find_spec", lambda _: None)
    with pytest.raises(GrpoError, match=f"'vllm{TESTED['vllm']}'"):
        vllm.check_vllm(config())


def rows(*images):
    return Dataset.from_dict({"images": [*images]})


QWEN2_5_VL = {"shortest_edge": 56 * 56, "longest_edge": 12845056}


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [
        (QWEN2_5_VL, 448 * 448, {"min_pixels": 3136, "max_pixels": 401408}),
        (
            {**QWEN2_5_VL, "longest_edge": 448 * 448},
            448 * 448,
            {"min_pixels": 3136, "max_pixels": 200704},
        ),
        (None, 448 * 448, None),  # another family's
    ],
)
def test_the_engine_makes_room_for_what_the_recipe_allows(size, most, expected):
    images = SimpleNamespace() if size is None else SimpleNamespace(max_pixels=None, size=size)
    processor = SimpleNamespace(image_processor=images, image_max_pixels=most)
    data = {
        "train_dataset": rows(["a"], ["a", "b"], None),
        "eval_dataset": {"one": rows(["a"] * 3), "other": rows([])},
    }
    settings = vllm.engine_settings(
        config(),
        SimpleNamespace(compute_dtype=torch.bfloat16),
        SimpleNamespace(cutoff_len=2048),
        processor,
        data,
    )
    assert settings.pop("mm_processor_kwargs", None) == expected
    assert settings == {
        "max_model_len": 2560,
        "dtype": "bfloat16",
        "limit_mm_per_prompt": {"image": 3, "video": 0},
    }


def test_trl_is_told_of_vllm_only_while_it_builds_the_engine():
    arguments = (SimpleNamespace(compute_dtype=torch.float32), SimpleNamespace(cutoff_len=1))
    data = {"train_dataset": rows([])}
    assert not vllm.is_vllm_available()
    with vllm.engine(config(), *arguments, None, data):
        assert vllm.is_vllm_available()
        assert vllm.ENGINE.get()["limit_mm_per_prompt"] == {"image": 1, "video": 0}
    with vllm.engine(config(use_vllm=False), *arguments, None, data):
        assert not vllm.is_vllm_available()
