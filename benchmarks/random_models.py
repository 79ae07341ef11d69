"""Models of a real shape with random weights, for measurements where nothing can be fetched."""

from pathlib import Path
from typing import Any, Final

import torch
from transformers import (
    AutoTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from tag_plugin.tiny.chat import CHAT_TEMPLATE
from tag_plugin.tiny.shipped import SHIPPED

PIXELS: Final = {"patch_size": 14, "merge_size": 2, "min_pixels": 3136, "max_pixels": 448 * 448}
_VISION: Final[dict[str, Any]] = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "fullatt_block_indexes": [7, 15, 23, 31],
}
_MROPE: Final = {"rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}
SHAPES: Final[dict[str, dict[str, Any]]] = {
    "7b": {
        "text_config": {
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152_064,
            "rope_theta": 1e6,
            "tie_word_embeddings": False,
            **_MROPE,
        },
        "vision_config": {**_VISION, "out_hidden_size": 3584},
    },
    "3b": {
        "text_config": {
            "hidden_size": 2048,
            "intermediate_size": 11008,
            "num_hidden_layers": 36,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "vocab_size": 151_936,
            "rope_theta": 1e6,
            "tie_word_embeddings": True,
            **_MROPE,
        },
        "vision_config": {**_VISION, "out_hidden_size": 2048},
    },
    "tiny": {
        "text_config": {
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": 2048,
            "tie_word_embeddings": False,
            "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        },
        "vision_config": {
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 64,
            "fullatt_block_indexes": [1],
        },
    },
}
_SPECIAL: Final = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
    "eos_token_id": "<|im_end|>",
    "pad_token_id": "<|endoftext|>",
}


def save_random_model(folder: Path, shape: str, device: str) -> int:
    """Qwen2.5-VL of one of `SHAPES`, with the tiny model's tokenizer; returns its parameters.

    The weights are drawn on `device`: in bf16 on a GPU, in fp32 on a CPU, which may emulate bf16.
    """
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    words = AutoTokenizer.from_pretrained(SHIPPED)
    ids = {name: words.convert_tokens_to_ids(token) for name, token in _SPECIAL.items()}
    tied = SHAPES[shape]["text_config"]["tie_word_embeddings"]
    config = Qwen2_5_VLConfig(
        **SHAPES[shape], **ids, tie_word_embeddings=tied, dtype=str(dtype).removeprefix("torch.")
    )
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.manual_seed(0)
    with torch.device(device):
        model = Qwen2_5_VLForConditionalGeneration(config)
    torch.set_default_dtype(default)
    model.save_pretrained(folder)
    Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(**PIXELS),
        words,
        Qwen2VLVideoProcessor(**PIXELS),
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return int(model.num_parameters())
