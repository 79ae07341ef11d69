"""A GRPO step reads exactly what an SFT step reads: the same token ids, the same pixels."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from llamafactory.data import get_template_and_fix_tokenizer
from llamafactory.hparams import get_infer_args
from llamafactory.model import load_tokenizer
from llamafactory.train.sft.trainer import CustomSeq2SeqTrainer
from llamafactory.train.tuner import run_exp
from transformers import AutoConfig, AutoModelForImageTextToText, GenerationConfig

from tag_plugin.hosts.llamafactory.grpo.pictures import joined, model_inputs
from tag_plugin.hosts.llamafactory.grpo.prompts import PromptEncoder, collapsed_text
from tag_plugin.hosts.llamafactory.grpo.trainer import StageTrainer
from tag_plugin.hosts.llamafactory.grpo.trl_model import pass_token_types
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


ROWS = 6  # two of one picture, two of two, two of none


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


def of_each_sample(inputs: dict[str, Any], config: Any) -> list[torch.Tensor]:
    """A batch's pixels cut by sample: in each family a token stands for as many rows."""
    image_token = getattr(config, "image_token_id", None) or config.image_token_index
    tokens = (inputs["input_ids"] == image_token).sum(dim=1)
    rows = len(inputs["pixel_values"]) * tokens // tokens.sum()
    return [*inputs["pixel_values"].split(rows.tolist())]


def sft_prompts(recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[Example]:
    """What comes before the reply in the batch that the SFT trainer gets."""
    found: list[Example] = []

    def see(_: Any, __: Any, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        pixels = of_each_sample(inputs, model.config)
        for row, ids in enumerate(inputs["input_ids"]):
            before = (inputs["labels"][row] == -100) & inputs["attention_mask"][row].bool()
            start = int(before.int().argmin())  # the first token of the reply
            positions = inputs.get("position_ids")
            where = None if positions is None else positions[-3:, row, :start]
            found.append(Example(ids[:start].tolist(), pixels[row], where))

    spy(monkeypatch, CustomSeq2SeqTrainer, "compute_loss", see)
    for key in ("grpo", "rewards", "first_batch_check"):
        recipe.pop(key)
    run_exp({**recipe, "stage": "sft", "per_device_train_batch_size": ROWS, "max_steps": 1})
    return found


def grpo_prompts(recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[Example]:
    """What the policy's forward gets before the completion."""
    found: list[Example] = []

    def see(
        trainer: Any, _: Any, model: Any, ids: Any, mask: Any, kept: int, *args: Any, **kwargs: Any
    ) -> None:
        asked = mask[:, :-kept].bool()
        read: dict[str, Any] = {}

        def look(module: Any, args: Any, inputs: dict[str, Any]) -> None:
            read.update(inputs)

        def place(module: Any, args: Any, inputs: dict[str, Any]) -> None:
            places = inputs["position_ids"]
            pixels = of_each_sample(read, model.config)
            for row, real in enumerate(asked):
                spatial = places is not None and places.ndim == 3
                where = places[-3:, row, :-kept][:, real] if spatial else None
                found.append(Example(ids[row, :-kept][real].tolist(), pixels[row], where))
            for hook in hooks:
                hook.remove()

        modules = {model: look, model.model.language_model: place}
        hooks = [
            module.register_forward_pre_hook(hook, with_kwargs=True)
            for module, hook in modules.items()
        ]

    spy(monkeypatch, StageTrainer, "_get_per_token_logps_and_entropies", see)
    run_exp({**recipe, "per_device_train_batch_size": 4 * ROWS, "max_steps": 1})
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
        dataset="tag_synth_train,pairs,text",
        max_samples=2,
        rewards=[own_reward("vowels")],
    )
    taught = sft_prompts(dict(recipe), monkeypatch)
    asked = grpo_prompts(recipe, monkeypatch)
    assert len(taught) == ROWS
    assert len(asked) == 4 * ROWS
    for each in asked:
        (twin,) = [
            other
            for other in taught
            if torch.equal(other.pixels, each.pixels)
            and (other.ids == each.ids or len(each.pixels))
        ]
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
        own = [*trainer.pictures]

        def logps(pictures: list[Any]) -> torch.Tensor:
            trainer.pictures = pictures
            return cast("torch.Tensor", original(trainer, model, *args, **kwargs)[0])

        name = "reference" if model is trainer.ref_model else "policy"
        with torch.no_grad():
            seen = logps(own)
            swapped = logps(own[::-1])
            changes[name] = (
                float((seen - swapped).abs().mean()),
                float((seen - logps(own)).abs().mean()),
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


@pytest.mark.parametrize(
    ("model", "template"),
    [(model, template) for model, template in TEMPLATES if template.removeprefix("tag_") == model],
)
def test_a_blank_picture_changes_nothing_but_runs_the_projector(
    model: str, template: str, request: pytest.FixtureRequest
):
    """So that a process without pictures waits for nobody: its gradients are zero, not missing."""
    folder = request.getfixturevalue(model)
    arguments = {"model_name_or_path": str(folder), "template": template}
    model_args, data_args, *_ = get_infer_args(arguments)
    read = load_tokenizer(model_args)
    host = get_template_and_fix_tokenizer(read["tokenizer"], data_args)
    encoder = PromptEncoder(host, read["tokenizer"], read["processor"])
    vision = AutoModelForImageTextToText.from_pretrained(folder)
    pass_token_types(vision)
    prompts = encoder.ids([{"prompt_ids": [*range(20, 30)]}, {"prompt_ids": [*range(40, 46)]}])
    with_blank = model_inputs(*prompts, [{}, {}], encoder.blank())
    assert with_blank["pixel_values"].isfinite().all()
    expected = vision(**model_inputs(*prompts, [{}, {}], None)).logits
    logits = vision(**with_blank).logits[:, -expected.shape[1] :]
    read_too = prompts[1].bool()
    assert torch.allclose(logits[read_too], expected[read_too], atol=1e-5)
    logits[read_too].square().sum().backward()
    projector = next(
        weight for name, weight in vision.named_parameters() if re.search("merger|projector", name)
    )
    assert projector.grad is not None
    assert not projector.grad.any()


def test_pictures_of_fewer_tiles_are_filled_up():
    two, three = torch.ones(1, 2, 3, 4, 4), torch.ones(2, 3, 3, 4, 4)
    pixels = joined([{"pixel_values": two}, {}, {"pixel_values": three}])["pixel_values"]
    assert pixels.shape == (3, 3, 3, 4, 4)
    assert pixels.sum(dim=(2, 3, 4)).tolist() == [[48, 48, 0], [48, 48, 48], [48, 48, 48]]
    assert joined([{}, {}]) == {}


def test_vllm_is_given_one_image_token_a_picture():
    text = "a<s><pad><pad><pad><e>b<s><pad><pad><e>"
    assert collapsed_text(text, "<pad>") == "a<s><pad><e>b<s><pad><e>"
    assert collapsed_text(text, None) == text
