"""Small random models of the families beside Qwen's, each with its own processor."""

from pathlib import Path
from typing import Any

from transformers import (
    CLIPImageProcessor,
    Glm4vConfig,
    Glm4vForConditionalGeneration,
    Glm4vImageProcessor,
    Glm4vProcessor,
    Glm4vVideoProcessor,
    GotOcr2ImageProcessorFast,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
    LlavaProcessor,
    Qwen2TokenizerFast,
)

from tests.hosts.llamafactory.tiny_models import CHAT_TEMPLATE, TEXT, save_model, tokenizer

_TURNS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_CLIP_SIDE = 56  # of a picture that CLIP sees; patches of 14


def save_intern_vl(folder: Path) -> Path:
    """A face is one tile of 448 with patches of 56, four of them a token: 16 tokens."""
    folder.mkdir(parents=True)
    names = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    special = (*_TURNS, *names.values())
    words = tokenizer(folder, special, bos_token="<|im_start|>", extra_special_tokens=names)
    side = {"height": 448, "width": 448}
    InternVLProcessor(
        GotOcr2ImageProcessorFast(size=side, crop_to_patches=False),
        words,
        InternVLVideoProcessor(size=side),
        image_seq_length=16,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    config = InternVLConfig(
        vision_config={
            **_small_vision(),
            "image_size": [448, 448],
            "patch_size": [56, 56],
            "use_absolute_position_embeddings": True,
        },
        text_config=_text(words, "qwen2"),
        image_token_id=words.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=16,
        downsample_ratio=0.5,
    )
    return save_model(InternVLForConditionalGeneration, config, folder)


def save_glm4v(folder: Path) -> Path:
    """Patches of 28, four of them a token: 64 tokens a face."""
    folder.mkdir(parents=True)
    special = (
        *("<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"),
        *("<|observation|>", "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>"),
        *("<|end_of_video|>", "<|image|>", "<|video|>"),
    )
    words = tokenizer(folder, special, eos_token="<|endoftext|>")
    sizes = {"patch_size": 28, "merge_size": 2}
    limits = {"size": {"shortest_edge": 56 * 56 * 2, "longest_edge": 1024 * 1024 * 2}}
    Glm4vProcessor(
        Glm4vImageProcessor(**sizes, **limits),
        words,
        Glm4vVideoProcessor(**sizes, **limits),
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    named = {
        "image_token_id": "<|image|>",
        "video_token_id": "<|video|>",
        "image_start_token_id": "<|begin_of_image|>",
        "image_end_token_id": "<|end_of_image|>",
        "video_start_token_id": "<|begin_of_video|>",
        "video_end_token_id": "<|end_of_video|>",
    }
    config = Glm4vConfig(
        text_config={
            **_text(words, "glm4v_text"),
            "rope_scaling": {"rope_type": "default", "mrope_section": [2, 3, 3]},
            "partial_rotary_factor": 1.0,
        },
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 28,
            "image_size": 448,
            "out_hidden_size": TEXT["hidden_size"],
        },
        **{name: words.convert_tokens_to_ids(token) for name, token in named.items()},
    )
    return save_model(Glm4vForConditionalGeneration, config, folder)


def save_llava(folder: Path) -> Path:
    """CLIP's view of 56 with patches of 14: 16 tokens a face."""
    return _save_llava(folder, LlavaProcessor, CLIPImageProcessor, LlavaConfig, {})


def save_llava_next(folder: Path) -> Path:
    """The same view twice: of the whole face, and of its only tile."""
    grid = {"image_grid_pinpoints": [[_CLIP_SIDE, _CLIP_SIDE]]}
    return _save_llava(folder, LlavaNextProcessor, LlavaNextImageProcessor, LlavaNextConfig, grid)


def _save_llava(
    folder: Path, processor: Any, images: Any, config: Any, grid: dict[str, Any]
) -> Path:
    folder.mkdir(parents=True)
    words = tokenizer(folder, (*_TURNS, "<image>"), bos_token="<|im_start|>")
    side = {"height": _CLIP_SIDE, "width": _CLIP_SIDE}
    processor(
        images(size={"shortest_edge": _CLIP_SIDE}, crop_size=side, **grid),
        words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    made = config(
        vision_config={**_small_vision(), "model_type": "clip_vision_model"}
        | {"image_size": _CLIP_SIDE, "patch_size": 14},
        text_config=_text(words, "llama"),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        **grid,
    )
    models = {
        LlavaConfig: LlavaForConditionalGeneration,
        LlavaNextConfig: LlavaNextForConditionalGeneration,
    }
    return save_model(models[config], made, folder)


def _small_vision() -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }


def _text(words: Qwen2TokenizerFast, model_type: str) -> dict[str, Any]:
    roles = {"eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
    return {**TEXT, **roles, "vocab_size": len(words), "model_type": model_type}
