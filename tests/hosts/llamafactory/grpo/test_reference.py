"""With a KL term, the reference is the model that the run starts from."""

import json
from pathlib import Path

import pytest
import torch
from llamafactory.train.tuner import run_exp
from peft import LoraConfig, get_peft_model
from torch import nn

from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.reference import check_adapter_start
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward

pytestmark = pytest.mark.host


def _adapted(start: str | bool) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """A model with an adapter, its outputs, and those of the model before it had one."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16))
    x = torch.randn(4, 16)
    before = plain(x)
    config = LoraConfig(r=4, target_modules=["0", "1"], init_lora_weights=start)  # type: ignore[arg-type]  # PEFT's Literal
    model = get_peft_model(plain, config)
    with model.disable_adapter():
        reference = model(x)
    return model, reference, before


@pytest.mark.parametrize("start", [True, "gaussian", "orthogonal"])
def test_a_start_that_keeps_the_base_is_taken(start: str | bool):
    model, reference, before = _adapted(start)
    assert torch.allclose(reference, before, atol=1e-5)
    check_adapter_start(model, beta=0.1)


@pytest.mark.parametrize("start", ["pissa", "pissa_niter_4", "olora"])
def test_a_start_that_changes_the_base_is_refused(start: str):
    model, reference, before = _adapted(start)
    assert not torch.allclose(reference, before, atol=1e-2), "so the reference is another model"
    with pytest.raises(GrpoError, match=f"init_lora_weights '{start}'.*next: grpo: .beta: 0"):
        check_adapter_start(model, beta=0.1)
    check_adapter_start(model, beta=0.0)


def test_an_adapter_that_does_not_start_at_nothing_is_refused():
    with pytest.raises(GrpoError, match="init_lora_weights False"):
        check_adapter_start(_adapted(False)[0], beta=0.1)


@pytest.mark.parametrize(
    "settings",
    [
        {"finetuning_type": "lora", "pissa_init": True, "grpo": {"beta": 0.0}},
        {"finetuning_type": "lora", "use_dora": True, "grpo": {"beta": 0.1}},
        {"grpo": {"beta": 0.1}},
    ],
    ids=["pissa without a KL term", "dora", "full"],
)
def test_a_run_starts_at_its_reference(
    settings: dict[str, object], qwen2_5_vl: Path, rl_data: Path, tmp_path: Path
):
    rewards = [own_reward("vowels")]
    run_exp(
        grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", rewards=rewards, max_steps=1, **settings)
    )
    first = json.loads((tmp_path / "o/grpo_log.jsonl").read_text().splitlines()[0])
    assert first.get("kl", 0.0) == pytest.approx(0.0, abs=1e-6)
