"""A GRPO step reads exactly what an SFT step reads: the same token ids, the same pixels."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from llamafactory.train.sft.trainer import CustomSeq2SeqTrainer
from llamafactory.train.tuner import run_exp
from transformers import AutoConfig, GenerationConfig

from tag_plugin.hosts.llamafactory.grpo.prompts import collapsed_text
from tag_plugin.hosts.llamafactory.grpo.trainer import StageTrainer
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, own_reward

pytestmark = pytest.mark.host

TEMPLATES = [
    ("qwen2_5_vl", "tag_qwen2_vl"),
    ("qwen2_5_vl", "tag_qwen2_5_vl"),
    ("qwen3_vl", "tag_qwen3_vl"),
    ("qwen3_vl", "tag_qwen3_vl_nothink"),
    ("intern_vl", "tag_intern_vl"),
    ("llava", "tag_llava"),
    ("llava_next", "tag_llava_next"),
    ("glm4v", "tag_glm4v"),
    ("glm4v", "tag_glm4_5v"),
]


@dataclass(frozen=True)
class Example:
    """A prompt as a forward gets it."""

    ids: list[int]
    pixels: torch.Tensor
    positions: torch.Tensor | None  # [3, tokens] where a family counts in space too


def spy(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, see: Callable[..., None]) -> None:
    """Calls `see` with the arguments before each call of a method."""
    original = getattr(owner, name)

    def seen(self: Any, *args: Any, **kwargs: Any) -> Any:
        see(self, original, *args, **kwargs)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, seen)


def sft_prompts(recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[Example]:
    """What comes before the reply in the batch that the SFT trainer gets."""
    found: list[Example] = []

    def see(_: Any, __: Any, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        pixels = inputs["pixel_values"].chunk(len(inputs["input_ids"]))
        for row, ids in enumerate(inputs["input_ids"]):
            before = (inputs["labels"][row] == -100) & inputs["attention_mask"][row].bool()
            start = int(before.int().argmin())  # the first token of the reply
            positions = inputs.get("position_ids")
            where = None if positions is None else positions[-3:, row, :start]
            found.append(Example(ids[:start].tolist(), pixels[row], where))

    spy(monkeypatch, CustomSeq2SeqTrainer, "compute_loss", see)
    for key in ("grpo", "rewards", "first_batch_check"):
        recipe.pop(key)
    run_exp({**recipe, "stage": "sft", "per_device_train_batch_size": 2, "max_steps": 1})
    return found


def grpo_prompts(recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[Example]:
    """What the policy's forward gets before the completion."""
    found: list[Example] = []

    def see(
        trainer: Any, _: Any, model: Any, ids: Any, mask: Any, kept: int, *args: Any, **kwargs: Any
    ) -> None:
        pixels = kwargs["pixel_values"].chunk(len(ids))
        asked = mask[:, :-kept].bool()

        def look(module: Any, args: Any, inputs: dict[str, Any]) -> None:
            places = inputs["position_ids"]
            for row, real in enumerate(asked):
                spatial = places is not None and places.ndim == 3
                where = places[-3:, row, :-kept][:, real] if spatial else None
                found.append(Example(ids[row, :-kept][real].tolist(), pixels[row], where))
            hook.remove()

        language_model = model.model.language_model
        hook = language_model.register_forward_pre_hook(look, with_kwargs=True)

    spy(monkeypatch, StageTrainer, "_get_per_token_logps_and_entropies", see)
    run_exp({**recipe, "max_steps": 1})
    return found


@pytest.mark.parametrize(("model", "template"), TEMPLATES)
def test_prompts_pixels_and_positions_equal_those_of_sft(
    model: str,
    template: str,
    rl_data: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
):
    recipe = grpo_recipe(
        request.getfixturevalue(model),
        rl_data,
        tmp_path / "o",
        template=template,
        dataset="tag_synth_train",
        max_samples=2,
        rewards=[own_reward("vowels")],
    )
    taught = sft_prompts(dict(recipe), monkeypatch)
    asked = grpo_prompts(recipe, monkeypatch)
    assert len(taught) == 2
    assert len(asked) == 8
    for each in asked:
        (twin,) = [other for other in taught if torch.equal(other.pixels, each.pixels)]
        assert each.ids == twin.ids
        if twin.positions is not None:
            assert each.positions is not None
            assert torch.equal(each.positions, twin.positions)


def test_swapped_pictures_change_policy_and_reference(
    qwen2_5_vl: Path, rl_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Fails as soon as pixels stop reaching either: then its log-probabilities stay the same."""
    changes: dict[str, tuple[float, float]] = {}

    def see(trainer: Any, original: Any, model: Any, *args: Any, **kwargs: Any) -> None:
        def logps(pictures: torch.Tensor) -> torch.Tensor:
            pixels = pictures.flatten(0, 1)
            found = original(trainer, model, *args, **{**kwargs, "pixel_values": pixels})[0]
            return cast("torch.Tensor", found)

        own = kwargs["pixel_values"].unflatten(0, (len(args[0]), -1))  # [N, patches, values]
        first_group, second_group = own.chunk(2)
        name = "reference" if model is trainer.ref_model else "policy"
        with torch.no_grad():
            seen = logps(own)
            swapped = logps(torch.cat([second_group, first_group]))
            changes[name] = (
                float((seen - swapped).abs().mean()),
                float((seen - logps(own.clone())).abs().mean()),
            )

    spy(monkeypatch, StageTrainer, "_get_per_token_logps_and_entropies", see)
    run_exp(grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", max_steps=1, grpo={"beta": 0.1}))
    assert set(changes) == {"policy", "reference"}
    for by_swapping, by_nothing in changes.values():
        assert by_swapping > 1e-5
        assert by_swapping > 100 * by_nothing


def test_image_tokens_are_never_sampled(
    qwen2_5_vl: Path, rl_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With logits that want nothing else."""
    sampled: list[int] = []

    def see(trainer: Any, _: Any, prompts: Any, images: Any) -> None:
        weights = trainer.model.lm_head.weight
        config = trainer.model.config
        pads = [config.image_token_id, config.video_token_id, config.vision_start_token_id]
        with torch.no_grad():
            weights[pads] = 100 * weights[:1].sign()

    def look(trainer: Any, _: Any, inputs: Any, prompts: Any, texts: Any, ids: Any) -> None:
        sampled.extend(each for completion in ids for each in completion)

    spy(monkeypatch, StageTrainer, "_generate_single_turn", see)
    spy(monkeypatch, StageTrainer, "_calculate_rewards", look)
    run_exp(grpo_recipe(qwen2_5_vl, rl_data, tmp_path / "o", max_steps=1))
    config = AutoConfig.from_pretrained(qwen2_5_vl)
    assert sampled
    assert not {config.image_token_id, config.video_token_id} & set(sampled)
    assert config.vision_start_token_id not in sampled


def test_the_checkpoints_generation_config_does_not_bend_the_sampling(
    qwen2_5_vl: Path, rl_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Qwen2.5-VL ships temperature 1e-6: every completion of a group would be the same."""
    model = tmp_path / "model"
    shutil.copytree(qwen2_5_vl, model)
    shipped = GenerationConfig(do_sample=True, temperature=1e-6, repetition_penalty=1.05)
    shipped.save_pretrained(model)
    texts: list[str] = []

    def look(trainer: Any, _: Any, inputs: Any, prompts: Any, found: list[str], ids: Any) -> None:
        texts.extend(found)

    spy(monkeypatch, StageTrainer, "_calculate_rewards", look)
    run_exp(grpo_recipe(model, rl_data, tmp_path / "o", max_steps=1))
    assert len(set(texts)) > len(texts) // 2  # two short ones may be the same by chance
    assert GenerationConfig.from_pretrained(tmp_path / "o").temperature == 1e-6


def test_vllm_is_given_one_image_token_a_picture():
    text = "a<s><pad><pad><pad><e>b<s><pad><pad><e>"
    assert collapsed_text(text, "<pad>") == "a<s><pad><e>b<s><pad><e>"
    assert collapsed_text(text, None) == text
