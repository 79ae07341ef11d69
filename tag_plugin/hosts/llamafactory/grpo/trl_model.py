"""What TRL 0.24 expects of a model that the host has loaded with transformers of either generation.

Without `mm_token_type_ids`, which TRL does not pass on, transformers 5 numbers image tokens like
text (transformers/models/*/modeling_*.py, `compute_3d_position_ids`): no error, but other positions
than in SFT. They follow from the input ids.
"""

import inspect
from dataclasses import dataclass
from typing import Any, Final

import torch

from tag_plugin.hosts.versions import is_transformers_5

MODALITY_IDS: Final = "mm_token_type_ids"


def ready_for_trl(model: Any, use_reentrant: bool) -> None:
    """Gives a model what TRL takes for granted.

    trl/models/utils.py, unwrap_model_for_generation, turns gradient checkpointing on again without
    arguments; llamafactory/model/model_utils/checkpointing.py then forgets `use_reentrant_gc`.
    transformers 5 no longer keeps `warnings_issued`, which trl/trainer/grpo_trainer.py sets.
    """
    enable = model.gradient_checkpointing_enable
    chosen = {"use_reentrant": use_reentrant}
    model.gradient_checkpointing_enable = lambda settings=None: enable(settings or chosen)
    if is_transformers_5():
        model.warnings_issued = {}


def pass_token_types(model: Any) -> bool:
    """Makes a model, in whatever it is wrapped, find the token types by itself.

    Returns:
        Whether it asks for them; a generation needs them too.
    """
    return model is not None and is_transformers_5() and add_token_types(model)


def token_types(ids: torch.Tensor, config: Any) -> torch.Tensor:
    """0 text, 1 image, 2 video, of the shape of `ids`.

    As llamafactory/data/collator.py, `_compute_rope_position_ids`, gives them to SFT.
    """
    types = torch.zeros_like(ids)
    types[ids == config.image_token_id] = 1
    types[ids == config.video_token_id] = 2
    return types


@dataclass(frozen=True)
class TokenTypes:
    """A forward pre-hook that adds the token types of the input ids."""

    config: Any

    def __call__(
        self,
        module: torch.nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Leaves a call alone that has types or positions, or has no ids."""
        ids = kwargs.get("input_ids")
        settled = any(kwargs.get(name) is not None for name in (MODALITY_IDS, "position_ids"))
        if ids is None or settled:
            return args, kwargs
        return args, {**kwargs, MODALITY_IDS: token_types(ids, self.config)}


def add_token_types(model: torch.nn.Module) -> bool:
    """Hooks every module that turns token types into positions; whether there is one."""
    asking = [each for each in model.modules() if _asks(each)]
    for module in asking:
        module.register_forward_pre_hook(TokenTypes(module.config), with_kwargs=True)
    return bool(asking)


def _asks(module: torch.nn.Module) -> bool:
    takes = inspect.signature(module.forward).parameters
    return MODALITY_IDS in takes and callable(getattr(module, "get_rope_index", None))
