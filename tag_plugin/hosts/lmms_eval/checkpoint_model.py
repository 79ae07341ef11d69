"""The model name "hf": the host's own wrapper for whatever a checkpoint holds.

`lmms-eval` without `--model` asks for "hf", which it does not have.
"""

import inspect
from typing import Any

import torch
from lmms_eval.api.model import lmms
from lmms_eval.models import get_model
from lmms_eval.utils import simple_parse_args_string

from tag_plugin.hosts.lmms_eval.checkpoints import wrapper_name


class CheckpointModel(lmms):  # type: ignore[misc]  # the host ships no types
    """Never instantiated: creating it creates the host's wrapper for the checkpoint."""

    is_simple = False

    @classmethod
    def create_from_arg_string(
        cls, arg_string: str, additional_config: dict[str, Any] | None = None
    ) -> Any:
        """The host's call; `arg_string` is the value of --model_args.

        On the CPU, where there is no GPU and the user says nothing else.

        Raises:
            WrongConfigurationError: no checkpoint is named, or its architecture is unknown.
        """
        told = {k: v for k, v in (additional_config or {}).items() if v is not None}
        arguments = {**simple_parse_args_string(arg_string), **told}
        wrapper = get_model(wrapper_name(arguments))
        known = () if torch.cuda.is_available() else inspect.signature(wrapper).parameters
        places = [name for name in ("device", "device_map") if name in known]
        return wrapper(**dict.fromkeys(places, "cpu") | arguments)
