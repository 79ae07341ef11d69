"""The host's class for a model, and the arguments of it that change what is measured."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from lmms_eval.utils import simple_parse_args_string
from loguru import logger

from tag_plugin.hosts.lmms_eval.checkpoints import (
    ONE_AT_A_TIME,
    WRAPPER_FRAMES,
    Question,
    wrapper_name,
)
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.tag_tasks import HF_MODEL

_PLACE: Final = {
    *("pretrained", "model", "model_version", "model_path", "path", "peft", "delta", "revision"),
    *("base_url", "api_base", "device", "device_map", "batch_size", "max_batch_size"),
}
"""Which weights or which service, and where: what is compared, not how it is asked."""

_SPEED: Final = {
    *("attn_implementation", "use_flash_attention_2", "use_cache", "low_cpu_mem_usage"),
    *("tensor_parallel_size", "data_parallel_size", "pipeline_parallel_size", "enforce_eager"),
    *("gpu_memory_utilization", "max_num_seqs", "max_num_batched_tokens", "limit_mm_per_prompt"),
    *("disable_log_stats", "threads", "num_workers", "timeout", "retry_backoff_s", "max_retries"),
    *("num_concurrent", "prefix_aware_queue", "prefix_hash_chars", "httpx_trust_env"),
}
"""How fast, and how often a request is tried again; `adaptive_` and what follows it as well."""

_SECRET: Final = re.compile(r"(api_key|token|secret|password)\Z", re.IGNORECASE)
_SERVICE: Final = {"base_url", "api_key", "model_version", "retry_backoff_s"}
_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_TEXT_FIRST: Final = "lmms_eval.models.simple.vllm."


@dataclass(frozen=True, slots=True)
class Wrapper:
    """The host's class that asks a model.

    `name` is the host's name for it with its kind ("qwen2_5_vl chat"), `arguments` are all its
    arguments, its defaults among them, `changed` those that differ from the defaults and change
    what the model sees or how it decodes. A service holds no weights here.
    """

    name: str
    arguments: Mapping[str, Any]
    changed: Mapping[str, Any]
    service: bool = False

    @property
    def loads_checkpoint(self) -> bool:
        """Whether it is transformers that loads the checkpoint, with its own settings."""
        return not self.service and "pretrained" in self.arguments


NO_WRAPPER: Final = Wrapper("-", {}, {})
"""Where nobody says what is asked: a task that is loaded outside of an evaluation."""


def model_arguments(model_args: Any) -> dict[str, Any]:
    """The value of --model_args as a dictionary."""
    given = simple_parse_args_string(model_args) if isinstance(model_args, str) else model_args
    return dict(given or {})


def wrapper_of(model: Any, model_args: Any, force_simple: bool = False) -> Wrapper:
    """The wrapper that `simple_evaluate` takes for a model, before it is loaded.

    Raises:
        WrongConfigurationError: there is none, it cannot be imported, or it asks in another order
            than training.
    """
    given = model_arguments(model_args)
    if not isinstance(model, str):
        defaults = _defaults(type(model))
        held = {name: getattr(model, name) for name in defaults if hasattr(model, name)}
        return _wrapper(type(model).__name__, defaults, {**given, **held})
    from lmms_eval.models import MODEL_REGISTRY_V2

    name = wrapper_name(given) if model == HF_MODEL else model
    simple = force_simple and model != HF_MODEL  # "hf" is chat alone
    try:
        resolved = MODEL_REGISTRY_V2.resolve(name, simple)
        host_class = MODEL_REGISTRY_V2.get_model_class(name, simple)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise WrongConfigurationError(
            f"tag-plugin: --model {name}: {str(error)[:300]}; next: lmms-eval models"
        ) from None
    if resolved.class_path.startswith(_TEXT_FIRST) and not given.get("image_first"):
        raise WrongConfigurationError(
            f"tag-plugin: --model {name} --force_simple puts the picture after the question, "
            "training puts it before; next: leave --force_simple out, or --model_args "
            "...,image_first=True"
        )
    return _wrapper(f"{resolved.model_id} {resolved.model_type}", _defaults(host_class), given)


def refuse_batches(wrapper: Wrapper, batch_size: Any) -> None:
    """Refuses what the host would refuse after it has loaded the model.

    Raises:
        WrongConfigurationError: several faces at once for a wrapper that takes them one by one.
    """
    asked = wrapper.arguments.get("batch_size") if batch_size is None else batch_size
    name = wrapper.name.partition(" ")[0]
    if name in ONE_AT_A_TIME and str(asked or 1) != "1":
        raise WrongConfigurationError(
            f"tag-plugin: --model {name} takes one face at a time, --batch_size is {asked}; next: "
            "--batch_size 1 (accelerate launch asks on several GPUs at once)"
        )


def warn_of_untried(wrapper: Wrapper, question: Question, checkpoint: str) -> None:
    """Says where a trained checkpoint meets a wrapper whose question is not known to be its own."""
    name = wrapper.name.partition(" ")[0]
    if question.trained and wrapper.loads_checkpoint and name not in WRAPPER_FRAMES:
        logger.warning(
            f"--model {name} is none of {', '.join(WRAPPER_FRAMES)}, which ask as training does; "
            f"it may ask {checkpoint} another question; next: docs/families.md, a checkpoint "
            "without a wrapper"
        )


def _defaults(host_class: type) -> dict[str, Any]:
    """The arguments of a class with their defaults, those that it hands on to its base included."""
    defaults: dict[str, Any] = {}
    for each in host_class.__mro__:
        if "__init__" not in vars(each) or each is object:
            continue
        parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.kind in _NAMED} | defaults
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            break
    return {name: default for name, default in defaults.items() if name != "self"}


def _wrapper(name: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Wrapper:
    changed = {
        key: plain(value)
        for key, value in sorted(given.items())
        if key not in _PLACE | _SPEED
        and not key.startswith("adaptive_")
        and not _SECRET.search(key)
        and str(value) != str(defaults.get(key, ""))
    }
    return Wrapper(name, {**defaults, **given}, changed, bool(_SERVICE & set(defaults)))


def plain(value: object) -> Any:
    """A value for the protocol; a file (a chat template, a system text) by what it holds."""
    if isinstance(value, str) and len(value) < 1000 and Path(value).is_file():
        return f"a file, sha256 {sha256(Path(value).read_bytes()).hexdigest()[:12]}"
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, None | bool | int | float | str) else str(value)
