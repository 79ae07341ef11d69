"""The tiny model and its processor: Qwen2.5-VL's architecture with 2.8 million parameters.

A patch is 28 pixels and 2x2 patches merge into one token, so the 448 face frame is a 16x16 grid
and 64 image tokens.
"""

from typing import Any, Final

import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.tiny.chat import CHAT_TEMPLATE

PATCH: Final = 28
MERGE: Final = 2

_VISION: Final[dict[str, Any]] = {
    "depth": 4,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_heads": 4,
    "in_channels": 3,
    "patch_size": PATCH,
    "spatial_merge_size": MERGE,
    "temporal_patch_size": 1,
    "window_size": 448,
    "fullatt_block_indexes": [0, 1, 2, 3],
    "hidden_act": "silu",
    "tokens_per_second": 2,
}
_TEXT: Final[dict[str, Any]] = {
    "hidden_size": 192,
    "intermediate_size": 352,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "rope_scaling": {"type": "mrope", "mrope_section": [8, 8, 8]},
    "use_sliding_window": False,
}

_PIXELS: Final = {
    "patch_size": PATCH,
    "merge_size": MERGE,
    "temporal_patch_size": 1,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "min_pixels": (PATCH * MERGE) ** 2,
    "max_pixels": FACE_FRAME * FACE_FRAME,
}


def tiny_config(vocabulary: int, special: dict[str, int]) -> Qwen2_5_VLConfig:
    """The model's configuration; `special` maps Qwen's special tokens to their ids."""
    ids = {
        "bos_token_id": special["<|endoftext|>"],
        "eos_token_id": special["<|im_end|>"],
        "pad_token_id": special["<|endoftext|>"],
    }
    return Qwen2_5_VLConfig(
        text_config={**_TEXT, **ids, "vocab_size": vocabulary, "tie_word_embeddings": True},
        vision_config={**_VISION, "out_hidden_size": _TEXT["hidden_size"]},
        image_token_id=special["<|image_pad|>"],
        video_token_id=special["<|video_pad|>"],
        vision_start_token_id=special["<|vision_start|>"],
        vision_end_token_id=special["<|vision_end|>"],
        vision_token_id=special["<|vision_pad|>"],
        tie_word_embeddings=True,
        **ids,
    )


def new_model(config: Qwen2_5_VLConfig, seed: int) -> Qwen2_5_VLForConditionalGeneration:
    """A model with random weights, the same for the same seed."""
    torch.manual_seed(seed)
    return Qwen2_5_VLForConditionalGeneration(config)


def build_processor(tokenizer: Qwen2TokenizerFast) -> Qwen2_5_VLProcessor:
    """A processor under which the 448 face frame keeps its size: a 16x16 grid, 64 tokens."""
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**_PIXELS),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**_PIXELS),
        chat_template=CHAT_TEMPLATE,
    )
