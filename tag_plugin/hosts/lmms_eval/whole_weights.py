"""A model whose weights were not all found is never evaluated: the rest of it would be random."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tag_plugin.hosts.lmms_eval.configuration import WrongConfigurationError

_NAMED: Final = 3
_ARGUMENT: Final = "output_loading_info"


@contextmanager
def whole_weights() -> Iterator[None]:
    """Inside, transformers ends a load that leaves weights newly initialised.

    transformers/modeling_utils.py: `PreTrainedModel.from_pretrained`, whichever class it is called
    on. It leaves out what may be absent (tied weights, buffers) by itself.

    Raises:
        WrongConfigurationError: weights are missing, or have another shape.
    """
    from transformers import PreTrainedModel

    original = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(cls: Any, *args: Any, **kwargs: Any) -> Any:
        asked = kwargs.pop(_ARGUMENT, False)
        model, found = original.__func__(cls, *args, **kwargs, **{_ARGUMENT: True})
        _refuse(cls.__name__, str(args[0] if args else "the checkpoint"), found or {})
        return (model, found) if asked else model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)
    try:
        yield
    finally:
        PreTrainedModel.from_pretrained = original


def _refuse(name: str, checkpoint: str, found: dict[str, Any]) -> None:
    reshaped = [entry[0] for entry in found.get("mismatched_keys") or ()]
    absent = sorted([*(found.get("missing_keys") or ()), *reshaped])
    if absent:
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        raise WrongConfigurationError(
            f"tag-plugin: {checkpoint} does not hold all weights of {name}; these would be random: "
            f"{', '.join(absent[:_NAMED])}{more}; next: copy the checkpoint again, or --model NAME "
            "with a wrapper of its architecture (lmms-eval models)"
        )
