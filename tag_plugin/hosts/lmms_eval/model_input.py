"""What reaches the model besides the rows, and how it decodes, after its wrapper and its own files.

All of it stands in the protocol. The checkpoint's files are read as they are once loaded, so that
two files that mean the same are the same. A picture that would not stay the face frame is refused.
"""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import TemplateError
from loguru import logger
from PIL import Image

from tag_plugin.data.text_file import TextFileError, parse_json
from tag_plugin.facs.boxes import FACE_FRAME, BoxFrame
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.wrappers import Wrapper, plain
from tag_plugin.trace.parse import ANY_EMOTION
from tag_plugin.trace.prompt import grounded_prompt

_ENVIRONMENT: Final = ("LMMS_IMAGE_ENCODE_FORMAT", "LMMS_IMAGE_JPEG_QUALITY")
"""Variables of the host that change the picture on its way to a service."""

_SIZES: Final = {"min_pixels", "max_pixels", "size", "do_resize", "resample", "crop_size"}
"""Settings of a processor that say nothing more once the face frame is seen to stay as it is."""

_NAMES: Final = {
    *("_processor_class", "processor_class", "image_processor_type", "feature_extractor_type"),
    *("auto_map", "return_tensors", "data_format", "input_data_format", "device"),
    "disable_grouping",
}
"""Settings of a processor that do not change the picture."""

_GRID: Final = "image_grid_thw"
"""What a processor returns that keeps a picture's size, or nearly so."""

_FILES: Final = (
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
)


_SAMPLING: Final = {
    *("do_sample", "temperature", "top_p", "top_k", "min_p", "typical_p"),
    *("epsilon_cutoff", "eta_cutoff"),
}
"""Settings that say nothing where the likeliest token is always taken."""

_ALWAYS_GIVEN: Final = {
    *("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "max_length"),
    *("use_cache", "cache_implementation", "return_dict_in_generate", "output_scores"),
    "transformers_version",
}
"""Settings that the host's wrappers give themselves, or that change no token."""


def model_input(wrapper: Wrapper, checkpoint: str) -> dict[str, Any]:
    """How a question and its picture reach a model, for the protocol.

    Args:
        wrapper: the host's class that asks it.
        checkpoint: folder or name of the model; empty where nothing names one.

    Raises:
        WrongConfigurationError: the picture would reach the model in another size.
    """
    held = _held(wrapper, checkpoint) if checkpoint and not wrapper.service else {}
    settled = _SIZES if "picture" in held else set()
    told = {
        "arguments": {name: v for name, v in wrapper.changed.items() if name not in settled},
        "environment": {name: os.environ[name] for name in _ENVIRONMENT if os.environ.get(name)},
    }
    return {"wrapper": wrapper.name, **{k: v for k, v in told.items() if v}, **held}


def _held(wrapper: Wrapper, checkpoint: str) -> dict[str, Any]:
    """What the checkpoint's own files make of a question and its picture."""
    from transformers import AutoProcessor

    overrides = _overrides(wrapper)
    try:
        processor = AutoProcessor.from_pretrained(checkpoint, trust_remote_code=False, **overrides)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, ImportError) as error:
        logger.warning(
            f"the processor of {checkpoint} cannot be read ({str(error)[:200]}); the protocol "
            "holds a hash of its files instead"
        )
        files = filter(Path.is_file, map(Path(checkpoint).joinpath, _FILES))
        content = b"".join(file.name.encode() + file.read_bytes() for file in files)
        return {"processor": {"files": _digest(content)}}
    pictures = getattr(processor, "image_processor", None)
    size = None if pictures is None else _checked_size(pictures, wrapper, checkpoint)
    settings = {} if pictures is None else pictures.to_dict()
    left_out = _NAMES | (_SIZES if size else set())
    return {
        **({"picture": size} if size else {}),
        "processor": plain({k: v for k, v in sorted(settings.items()) if k not in left_out}),
        **_texts(processor, getattr(processor, "tokenizer", processor), checkpoint),
    }


def _overrides(wrapper: Wrapper) -> dict[str, Any]:
    """What the wrapper tells the processor in the place of its file."""
    engine = wrapper.arguments.get("mm_processor_kwargs")
    if isinstance(engine, str):
        try:
            engine = parse_json(engine, "mm_processor_kwargs of --model_args")
        except TextFileError as error:
            raise WrongConfigurationError(f"tag-plugin: {error}; next: mend it") from None
    if isinstance(engine, Mapping):
        return dict(engine)
    limits = ("min_pixels", "max_pixels") if wrapper.loads_checkpoint else ()
    values = {name: wrapper.arguments.get(name) for name in limits}
    return {name: value for name, value in values.items() if value is not None}


def _checked_size(pictures: Any, wrapper: Wrapper, checkpoint: str) -> str | None:
    """The size in which a face reaches the model; None in families that fix the size themselves."""
    if _GRID not in (getattr(pictures, "model_input_names", None) or ()):
        return None
    try:
        blank = Image.new("RGB", (FACE_FRAME, FACE_FRAME))
        sides = pictures(images=[blank], return_tensors="pt")[_GRID][0][1:]
        height, width = (int(side) * int(pictures.patch_size) for side in sides)
    except (ValueError, TypeError, AttributeError, KeyError, ZeroDivisionError) as error:
        raise WrongConfigurationError(
            f"tag-plugin: the image processor of {checkpoint} cannot take a {FACE_FRAME}x"
            f"{FACE_FRAME} face ({str(error)[:200]}); next: let its preprocessor_config.json "
            "be that of the training"
        ) from None
    if (width, height) == (FACE_FRAME, FACE_FRAME):
        return f"{FACE_FRAME}x{FACE_FRAME}"
    raise WrongConfigurationError(
        f"tag-plugin: a {FACE_FRAME}x{FACE_FRAME} face would reach the model as {width}x{height}, "
        f"and its boxes would mean other places; next: {_mend(wrapper, checkpoint)}"
    )


def _mend(wrapper: Wrapper, checkpoint: str) -> str:
    """What keeps a face as it is."""
    asked = [name for name in _SIZES if name in wrapper.changed]
    if asked:
        return f"leave {' and '.join(sorted(asked))} out of --model_args"
    most = wrapper.arguments.get("max_pixels")  # Qwen3.5's wrapper has a small one of its own
    if isinstance(most, int) and most < FACE_FRAME**2:
        return f"--model_args ...,max_pixels={FACE_FRAME**2}"
    return (
        f"let min_pixels, max_pixels and patch_size of {checkpoint}/preprocessor_config.json "
        "be those of the training"
    )


def _texts(processor: Any, tokenizer: Any, checkpoint: str) -> dict[str, Any]:
    """The chat around a question, the ids of a question in it, and the word that ends an answer."""
    question = [{"type": "image"}, {"type": "text", "text": "{question}"}]
    try:
        chat = processor.apply_chat_template(
            [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
        )
    except (TemplateError, ValueError, TypeError, AttributeError) as error:
        chat = f"none ({type(error).__name__})"
    asked = grounded_prompt(ANY_EMOTION, BoxFrame.RELATIVE)
    ids = tokenizer(chat.replace("{question}", asked))["input_ids"]
    _check_embeddings(max(ids, default=0), checkpoint)
    return {"chat": chat, "tokens": _digest(str(list(ids)).encode()), "end": tokenizer.eos_token}


def _check_embeddings(largest: int, checkpoint: str) -> None:
    """A tokenizer that was given tokens after its model: the host would end with an IndexError."""
    from transformers import AutoConfig

    held = AutoConfig.from_pretrained(checkpoint, trust_remote_code=False).get_text_config()
    if largest >= getattr(held, "vocab_size", largest + 1):
        raise WrongConfigurationError(
            f"tag-plugin: the tokenizer of {checkpoint} writes the question with token {largest}, "
            f"and the model has {held.vocab_size} embeddings; next: take the tokenizer of the "
            "training, or train with resize_vocab: true"
        )


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]


def effective_decoding(
    asked: Mapping[str, Any], wrapper: Wrapper, checkpoint: str, seed: int | None
) -> dict[str, Any]:
    """The generation arguments as they take effect.

    `generation_config` holds what the checkpoint's own generation_config.json adds to them, `seed`
    that of a run that samples.
    """
    decoding = dict(asked)
    if wrapper.name.startswith("vllm") and (least := wrapper.arguments.get("max_new_tokens")):
        decoding["max_new_tokens"] = max(int(decoding.get("max_new_tokens") or 0), int(least))
    samples = bool(decoding.get("do_sample")) or float(decoding.get("temperature") or 0) > 0
    if samples and seed is not None:
        decoding["seed"] = seed
    left_out = _ALWAYS_GIVEN | set(asked) | (set() if samples else _SAMPLING)
    held = _generation_settings(checkpoint) if checkpoint and wrapper.loads_checkpoint else {}
    added = {k: v for k, v in held.items() if k not in left_out and k[0] != "_"}
    return decoding | ({"generation_config": added} if added else {})


def _generation_settings(checkpoint: str) -> dict[str, Any]:
    """What a checkpoint's generation settings change of the library's; an old one has none."""
    from transformers import AutoConfig, GenerationConfig

    try:
        config = GenerationConfig.from_pretrained(checkpoint)
    except OSError:
        try:
            config = GenerationConfig.from_model_config(
                AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
            )
        except (OSError, ValueError, KeyError):  # the host names what is wrong with it
            return {}
    return dict(config.to_diff_dict())
