"""Small models of the Qwen families for tests: a tokenizer, a processor, random weights."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorFast,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.trace.prompt import grounded_prompt

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_ROLES = dict.fromkeys(("unk_token", "pad_token"), "<|endoftext|>") | {"eos_token": "<|im_end|>"}
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}
_HEADS = 2


def tokenizer(folder: Path, special: tuple[str, ...] = SPECIAL, **roles: str) -> Qwen2TokenizerFast:
    """A byte-level BPE over TAG's own words, with a family's special tokens (Qwen's)."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    words = [grounded_prompt(labels, frame) for labels in LABEL_SETS.values() for frame in BoxFrame]
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(words, trainer)
    learnt = json.loads(bpe.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(learnt["vocab"]))
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in learnt["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    return Qwen2TokenizerFast(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        **{**_ROLES, **roles},
        additional_special_tokens=list(special),
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
    )


def save_qwen2_5_vl(folder: Path) -> Path:
    """A random Qwen2.5-VL with patches of 28: 64 tokens a face."""
    folder.mkdir(parents=True)
    words = tokenizer(folder)
    sizes = {"patch_size": 28, "merge_size": 2, "min_pixels": 56 * 56, "max_pixels": 1024 * 1024}
    Qwen2_5_VLProcessor(
        Qwen2VLImageProcessorFast(**sizes),
        words,
        Qwen2VLVideoProcessor(**sizes),
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    config = Qwen2_5_VLConfig(
        text_config={
            **TEXT,
            "vocab_size": len(words),
            "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": _HEADS,
            "patch_size": 28,
            "window_size": 448,
            "fullatt_block_indexes": [1],
            "out_hidden_size": TEXT["hidden_size"],
        },
        **_ids(words),
    )
    return save_model(Qwen2_5_VLForConditionalGeneration, config, folder)


def save_qwen2_vl(folder: Path) -> Path:
    """A random Qwen2-VL with patches of 28: 64 tokens a face."""
    folder.mkdir(parents=True)
    words = tokenizer(folder)
    sizes = {"patch_size": 28, "merge_size": 2, "min_pixels": 56 * 56, "max_pixels": 1024 * 1024}
    Qwen2VLProcessor(
        Qwen2VLImageProcessorFast(**sizes),
        words,
        Qwen2VLVideoProcessor(**sizes),
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    config = Qwen2VLConfig(
        text_config={
            **TEXT,
            "vocab_size": len(words),
            "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        },
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": TEXT["hidden_size"],
            "mlp_ratio": 2,
            "num_heads": _HEADS,
            "patch_size": 28,
        },
        **_ids(words),
    )
    return save_model(Qwen2VLForConditionalGeneration, config, folder)


def save_qwen3_vl(folder: Path) -> Path:
    """A random Qwen3-VL with patches of 16: 196 tokens a face."""
    folder.mkdir(parents=True)
    words = tokenizer(folder)
    sizes = {
        "patch_size": 16,
        "merge_size": 2,
        "size": {"shortest_edge": 65536, "longest_edge": 16777216},
    }
    Qwen3VLProcessor(
        Qwen2VLImageProcessorFast(**sizes),
        words,
        Qwen3VLVideoProcessor(**sizes),
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    config = Qwen3VLConfig(
        text_config={
            **TEXT,
            "head_dim": 16,
            "vocab_size": len(words),
            "rope_scaling": {"rope_type": "default", "mrope_section": [2, 3, 3]},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": _HEADS,
            "patch_size": 16,
            "num_position_embeddings": 256,
            "deepstack_visual_indexes": [0],
            "out_hidden_size": TEXT["hidden_size"],
        },
        **_ids(words),
    )
    return save_model(Qwen3VLForConditionalGeneration, config, folder)


def save_qwen3_5(folder: Path) -> Path:
    """A random Qwen3.5: one layer of linear attention, one of full attention; transformers 5."""
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

    saved = save_qwen3_vl(folder)
    config = json.loads((saved / "config.json").read_text())
    text = {name: config["text_config"][name] for name in (*TEXT, "head_dim", "vocab_size")}
    rope = {"rope_type": "default", "rope_theta": 10_000, "mrope_section": [2, 1, 1]}
    made = Qwen3_5Config(
        text_config={
            **text,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "rope_parameters": {**rope, "partial_rotary_factor": 0.5},
        },
        vision_config={
            name: value
            for name, value in config["vision_config"].items()
            if name not in ("deepstack_visual_indexes", "model_type")
        },
        **{name: value for name, value in config.items() if name.endswith("_token_id")},
        tie_word_embeddings=True,
    )
    return save_model(Qwen3_5ForConditionalGeneration, made, folder)


def _ids(words: Qwen2TokenizerFast) -> dict[str, int]:
    names = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
        "eos_token_id": "<|im_end|>",
        "pad_token_id": "<|endoftext|>",
    }
    return {name: words.convert_tokens_to_ids(token) for name, token in names.items()} | {
        "tie_word_embeddings": True
    }


def save_model(model: type[PreTrainedModel], config: object, folder: Path) -> Path:
    torch.manual_seed(0)
    model(config).save_pretrained(folder)
    return folder
