"""vLLM 0.20 to 0.23 under TRL 0.24, which was written for vLLM 0.10.2.

trl/trainer/grpo_trainer.py imports vLLM where it is installed, by names that later versions lack.
Here TRL is imported as if there were none, and gets the three names that it uses from this file.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any, Final

import torch

from tag_plugin.hosts.llamafactory.grpo.errors import refuse
from tag_plugin.hosts.versions import warn_untested

ENGINE: Final[ContextVar[Mapping[str, Any]]] = ContextVar("engine")
"""What the engine of this run is built with, beside TRL's own arguments."""

_ROOM: Final = 2
"""Both sides of a picture are rounded to whole patches: never to twice its area."""


def check_vllm(config: Any) -> None:
    """Refuses what cannot run, before the model loads.

    Raises:
        GrpoError: names the setting and what to write instead.
    """
    if not config.use_vllm:
        return
    asleep = config.vllm_enable_sleep_mode
    allocator = os.environ.get("PYTORCH_CUDA_ALLOC_CONF", "")
    refuse(
        {
            "grpo: use_vllm needs vLLM; next: pip install 'vllm>=0.20,<0.24', or leave it": (
                find_spec("vllm") is None
            ),
            "grpo: vllm_mode: server: TRL 0.24 cannot send pictures to its server, which does not "
            "start with vLLM 0.20 or later; next: vllm_mode: colocate": config.vllm_mode
            == "server",
            "grpo: vllm_enable_sleep_mode: vLLM frees no memory that is allocated in expandable "
            "segments, as LLaMA-Factory sets them; next: OPTIM_TORCH=0 before the same command": (
                asleep and "expandable_segments:True" in allocator
            ),
            "grpo: vllm_enable_sleep_mode: only a GPU has memory to free; next: leave it": (
                asleep and not torch.cuda.is_available()
            ),
        }
    )
    warn_untested(("vllm",))


@contextmanager
def engine(
    config: Any, model_args: Any, data_args: Any, processor: Any, data: Any
) -> Iterator[None]:
    """While TRL builds its trainer, and with it vLLM's engine."""
    if not config.use_vllm:
        yield
        return
    token = ENGINE.set(engine_settings(config, model_args, data_args, processor, data))
    try:
        yield
    finally:
        ENGINE.reset(token)


def engine_settings(
    config: Any, model_args: Any, data_args: Any, processor: Any, data: Mapping[str, Any]
) -> dict[str, Any]:
    """What TRL leaves to vLLM, which would make room for the longest prompt that a model can read.

    Args:
        config: TRL's, with max_completion_length.
        model_args: the host's, with the precision that the policy computes in.
        data_args: the host's, with cutoff_len.
        processor: the model's, with the host's limits of pictures.
        data: the run's data sets by name, or a mapping of some.
    """
    return {
        "max_model_len": data_args.cutoff_len + config.max_completion_length,
        "dtype": str(model_args.compute_dtype).removeprefix("torch."),
        "limit_mm_per_prompt": {"image": _most_pictures(data), "video": 0},
        **_picture_size(processor),
    }


def _most_pictures(data: Mapping[str, Any]) -> int:
    """Of one sample of all data sets; 1 where none has any: the model keeps its vision tower."""
    named = [each if isinstance(each, dict) else {"": each} for each in data.values()]
    counts = (
        len(images or ()) for sets in named for each in sets.values() for images in each["images"]
    )
    return max(1, *counts)


def _picture_size(processor: Any) -> dict[str, Any]:
    """For processors that take such limits; their own is 16,384 tokens a picture."""
    images: Any = getattr(processor, "image_processor", None)
    if not hasattr(images, "max_pixels"):
        return {}
    least, own = images.size["shortest_edge"], images.size["longest_edge"]
    most = max(least, min(own, _ROOM * processor.image_max_pixels))
    return {"mm_processor_kwargs": {"min_pixels": least, "max_pixels": most}}


# --- in the place of TRL's names ------------------------------------------------------------------


def is_vllm_available() -> bool:
    """To TRL: only where it is about to build an engine."""
    return ENGINE.get(None) is not None


def llm(**settings: Any) -> Any:
    """The engine as TRL builds it, with the limits of the recipe."""
    from vllm import LLM

    return LLM(**{**settings, **ENGINE.get()})


def sampling_params(**settings: Any) -> Any:
    """From the words of vLLM 0.10.2."""
    from vllm import SamplingParams

    guided = settings.pop("guided_decoding")
    if settings["truncate_prompt_tokens"] is None:
        del settings["truncate_prompt_tokens"]
    return SamplingParams(**settings, structured_outputs=guided)


def guided_decoding(**settings: Any) -> Any:
    """The same under its later name."""
    from vllm.sampling_params import StructuredOutputsParams

    return StructuredOutputsParams(**settings)
