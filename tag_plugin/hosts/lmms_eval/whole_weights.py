"""A model whose weights were not all found is never evaluated: the rest of it would be random."""

from collections.abc import Callable
from typing import Any, Final

from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError

_NAMED: Final = 3
_ARGUMENT: Final = "output_loading_info"


def whole_weights(load: Any) -> Callable[..., Any]:
    """`PreTrainedModel.from_pretrained`, which ends a load that leaves weights newly initialised.

    Whichever class it is called on. It leaves out what may be absent (tied weights, buffers) by
    itself.
    """

    def from_pretrained(cls: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuses with WrongConfigurationError: weights are missing, or have another shape."""
        wants_report = kwargs.pop(_ARGUMENT, False)
        model, report = load(cls, *args, **kwargs, **{_ARGUMENT: True})
        _refuse(cls.__name__, str(args[0] if args else "the checkpoint"), report or {})
        return (model, report) if wants_report else model

    return from_pretrained


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
