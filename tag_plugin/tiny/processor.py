"""The tiny model's processor: pictures to patches, conversations to ids."""

from typing import Final

from transformers import (
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.tiny.architecture import MERGE, PATCH
from tag_plugin.tiny.chat import CHAT_TEMPLATE

_SMALLEST: Final = (PATCH * MERGE) ** 2
_PIXELS: Final = {
    "patch_size": PATCH,
    "merge_size": MERGE,
    "temporal_patch_size": 1,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "min_pixels": _SMALLEST,
    "max_pixels": FACE_FRAME * FACE_FRAME,
}


def build_processor(tokenizer: Qwen2TokenizerFast) -> Qwen2_5_VLProcessor:
    """A processor under which the 448 face frame keeps its size: a 16x16 grid, 64 tokens."""
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**_PIXELS),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**_PIXELS),
        chat_template=CHAT_TEMPLATE,
    )
