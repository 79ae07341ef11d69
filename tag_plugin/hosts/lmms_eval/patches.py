"""Every change to lmms-eval's own functions, each with the host's file and symbol.

A symbol that is gone or takes other parameters is refused with the tested range, before anything
is changed. What is not light is imported when a TAG task is really asked for.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tag_plugin.hosts.lmms_eval.asked import DATASET_PATH, HF_MODEL, all_asked
from tag_plugin.hosts.paths import tasks_dir
from tag_plugin.hosts.versions import version

_PATCHED: Final = "_tag_plugin"  # the mark on our own functions: a second call changes nothing


class HostChangedError(RuntimeError):
    """The host is not the one that these patches were written for."""


def patch_tasks(tasks: ModuleType) -> None:
    """lmms_eval/tasks/__init__.py: `TaskManager.initialize_tasks`;
    lmms_eval/api/task.py: `ConfigurableTask.download`.
    """  # noqa: D205  # a list of symbols, not a summary
    manager, task = tasks.TaskManager, tasks.ConfigurableTask
    initialize = _host(manager, "initialize_tasks", ("self", "include_path", "include_defaults"))
    download = _host(task, "download", ("self", "dataset_kwargs"))

    def initialize_tasks(
        self: Any,
        include_path: str | list[str] | None = None,
        include_defaults: bool = True,
    ) -> dict[str, Any]:
        found = initialize(self, include_path, include_defaults)
        ours = self._get_task_and_group(str(tasks_dir())) if include_defaults else {}
        return {**ours, **found}

    def download_documents(self: Any, dataset_kwargs: Any = None) -> None:
        if self.config.dataset_path != DATASET_PATH:
            download(self, dataset_kwargs)
            return
        from tag_plugin.hosts.lmms_eval.loading import load_documents

        load_documents(self)

    _replace(manager, "initialize_tasks", initialize_tasks)
    _replace(task, "download", download_documents)


def patch_evaluator(evaluator: ModuleType) -> None:
    """lmms_eval/evaluator.py: `simple_evaluate`, which loads the model and then the tasks;
    `unwrap_generation_output`, which makes texts of a model's replies.
    """  # noqa: D205  # a list of symbols, not a summary
    needed = ("model", "model_args", "verbosity", "tasks", "task_manager")
    original = _host(evaluator, "simple_evaluate", needed, exactly=False)
    unwrap = _host(evaluator, "unwrap_generation_output", ("output",))

    def unwrap_generation_output(output: Any) -> Any:
        from tag_plugin.hosts.lmms_eval.empty_reply import reply_without_text

        text, counts = unwrap(output)
        empty = reply_without_text(output, text, counts)
        return (text if empty is None else empty), counts

    def simple_evaluate(*args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(original).bind(*args, **kwargs)
        bound.apply_defaults()
        call = bound.arguments
        model = call["model"]
        if call["task_manager"] is None:
            name = model if isinstance(model, str) else None
            call["task_manager"] = evaluator.TaskManager(call["verbosity"], model_name=name)
        asked = list(all_asked(call["tasks"] or [], call["task_manager"].task_index))
        if not asked:
            return original(**call)
        from tag_plugin.hosts.lmms_eval.finishing import finish
        from tag_plugin.hosts.lmms_eval.loading import asking

        with asking(asked, call) as evaluation:
            return finish(original(**call), evaluation)

    _replace(evaluator, "simple_evaluate", simple_evaluate)
    _replace(evaluator, "unwrap_generation_output", unwrap_generation_output)


def patch_response_cache(module: ModuleType) -> None:
    """lmms_eval/caching/response_cache.py: `ResponseCache.create` and `ResponseCache.execute`."""
    cache = module.ResponseCache
    create = _host(cache, "create", ("cache_root",), exactly=False)
    execute = _host(cache, "execute", ("self", "lm", "reqtype", "requests"))

    def create_after_recovery(cls: Any, /, cache_root: str, **kwargs: Any) -> Any:
        from tag_plugin.hosts.lmms_eval.resuming import recover

        root = Path(cache_root).absolute()
        recover(root.parent if cache_root.endswith(".db") else root, module)
        return create.__func__(cls, cache_root, **kwargs)

    def execute_by_batch(self: Any, lm: Any, reqtype: str, requests: list[Any]) -> Any:
        from tag_plugin.hosts.lmms_eval.evaluation import RUNNING
        from tag_plugin.hosts.lmms_eval.resuming import ask_by_batch

        if RUNNING.get() is None:
            return execute(self, lm, reqtype, requests)
        return ask_by_batch(execute, self, lm, reqtype, requests)

    if not getattr(execute, _PATCHED, False):
        cache.create = classmethod(create_after_recovery)
    _replace(cache, "execute", execute_by_batch)


def patch_qwen3_vl(wrapper: ModuleType) -> None:
    """lmms_eval/models/simple/qwen3_vl.py: `Qwen3_VL._apply_chat_template` (chat mode uses it too).

    The wrapper puts "You are a helpful assistant." before every conversation; the model's own chat
    template has no such line, and neither have the host templates it is trained with. A system
    prompt of the user's own stays.
    """
    cls = wrapper.Qwen3_VL
    original = _host(cls, "_apply_chat_template", ("self", "batched_messages", "kwargs"))
    hosts_own = inspect.signature(cls.__init__).parameters["system_prompt"].default

    def apply_chat_template(self: Any, batched_messages: Any, **kwargs: Any) -> Any:
        if self.system_prompt == hosts_own:
            batched_messages = [_without_system(messages) for messages in batched_messages]
        return original(self, batched_messages, **kwargs)

    _replace(cls, "_apply_chat_template", apply_chat_template)


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A TAG conversation without its system line; any other as it is."""
    from tag_plugin.hosts.lmms_eval.questions import ASKED_PROMPTS

    parts = messages[-1]["content"]
    if not any(part.get("text") in ASKED_PROMPTS for part in parts):
        return messages
    return [message for message in messages if message["role"] != "system"]


def hf_manifest() -> list[object]:
    """The model name "hf", unless the host has one: `lmms_eval/models/registry_v2.py`."""
    models = sys.modules["lmms_eval.models"]  # it is reading the entry points just now
    known = {**models.AVAILABLE_SIMPLE_MODELS, **models.AVAILABLE_CHAT_TEMPLATE_MODELS}
    if HF_MODEL in known:
        return []
    from lmms_eval.models.registry_v2 import ModelManifest

    place = "tag_plugin.hosts.lmms_eval.checkpoint_model.CheckpointModel"
    return [ModelManifest(model_id=HF_MODEL, chat_class_path=place)]


def _host(
    owner: Any,
    name: str,
    parameters: tuple[str, ...],
    exactly: bool = True,
) -> Any:
    """A symbol of the host, checked against what we rely on.

    Raises:
        HostChangedError: gone, or with other parameters; names the tested range.
    """
    symbol = getattr(owner, name, None)
    found = tuple(inspect.signature(symbol).parameters) if symbol is not None else ()
    if found != parameters if exactly else not set(parameters) <= set(found):
        raise HostChangedError(
            f"{owner.__name__}.{name} takes ({', '.join(found)}), not ({', '.join(parameters)}); "
            f"{version('lmms-eval')}; next: install a tested version"
        )
    return symbol


def _replace(owner: Any, name: str, ours: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    if getattr(original, _PATCHED, False):
        return
    replacement = functools.wraps(original)(ours)
    setattr(replacement, _PATCHED, True)
    setattr(owner, name, replacement)
