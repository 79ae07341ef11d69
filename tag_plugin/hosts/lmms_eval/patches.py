"""Every change to lmms-eval and to what it loads models with, as one table, and how each is made.

Three symbols stay changed. The others are ours while TAG tasks are evaluated, and the host's own
again after it. `check` looks at all of them before the first change; what is not light is imported
when a TAG task is really asked for.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tag_plugin import _autoload
from tag_plugin.hosts.lmms_eval.tag_tasks import DATASET_PATH, HF_MODEL, tag_tasks
from tag_plugin.hosts.patching import Make, Patch, replace, replaced
from tag_plugin.hosts.paths import tasks_dir

_HOST: Final = "lmms-eval"
_EVALUATING: Final = "while TAG tasks are evaluated"

PATCHES: Final[Mapping[str, Patch]] = {
    "find_tasks": Patch(
        "lmms_eval.tasks",
        "TaskManager.initialize_tasks",
        "self include_path include_defaults",
        _HOST,
        "the tag_ tasks are among the host's",
    ),
    "download": Patch(
        "lmms_eval.api.task",
        "ConfigurableTask.download",
        "self dataset_kwargs",
        _HOST,
        "the tag_ tasks read TAG_DATA_DIR",
    ),
    "evaluate": Patch(
        "lmms_eval.evaluator",
        "simple_evaluate",
        "model model_args verbosity tasks task_manager ...",
        _HOST,
        "what a TAG task asks is settled before the model loads",
    ),
    "unwrap": Patch(
        "lmms_eval.evaluator",
        "unwrap_generation_output",
        "output",
        _HOST,
        "a reply that failed is told from an empty one",
        _EVALUATING,
    ),
    "execute": Patch(
        "lmms_eval.caching.response_cache",
        "ResponseCache.execute",
        "self lm reqtype requests",
        _HOST,
        "with --use_cache the answers of a killed evaluation are kept",
        _EVALUATING,
    ),
    "chat": Patch(
        "lmms_eval.models.simple.qwen3_vl",
        "Qwen3_VL._apply_chat_template",
        "self batched_messages kwargs",
        _HOST,
        "a TAG question is asked without the system line that no training has",
        _EVALUATING,
    ),
    "tokenize": Patch(
        "transformers.tokenization_utils_base",
        "PreTrainedTokenizerBase.__call__",
        "self text add_special_tokens ...",
        "transformers",
        "a question is tokenized as in training, without a second BOS",
        _EVALUATING,
    ),
    "glm4v_picture": Patch(
        "lmms_eval.models.simple.glm4v",
        "GLM4V._image_to_base64",
        "self image",
        _HOST,
        "a face reaches GLM-4V without loss, not as a JPEG of quality 85",
        _EVALUATING,
    ),
    "qwen2_vl_picture": Patch(
        "lmms_eval.models.simple.qwen2_vl",
        "Qwen2_VL._encode_image_data_url",
        "self image",
        _HOST,
        "a face reaches Qwen2-VL without loss, not as a JPEG of quality 85",
        _EVALUATING,
    ),
    "weights": Patch(
        "transformers.modeling_utils",
        "PreTrainedModel.from_pretrained",
        "cls pretrained_model_name_or_path kwargs ...",
        "transformers",
        "GLM-4V loads as what it is; a model with missing weights is refused",
        _EVALUATING,
    ),
}
"""Every symbol of the host that is changed."""


def register_tasks(_: ModuleType) -> None:
    """The host finds the tag_ tasks, and reads their rows from TAG_DATA_DIR."""
    replace(PATCHES["find_tasks"], _finding)
    replace(PATCHES["download"], _downloading)


def register_evaluator(_: ModuleType) -> None:
    """The host settles what is asked before a model loads, and names failures."""
    replace(PATCHES["evaluate"], _evaluating)


def _finding(initialize: Any) -> Callable[..., Any]:
    @functools.wraps(initialize)
    def initialize_tasks(
        self: Any, include_path: str | list[str] | None = None, include_defaults: bool = True
    ) -> dict[str, Any]:
        theirs = initialize(self, include_path, include_defaults)
        ours = self._get_task_and_group(str(tasks_dir())) if include_defaults else {}
        return {**ours, **theirs}

    return initialize_tasks


def _downloading(download: Any) -> Callable[..., Any]:
    @functools.wraps(download)
    def download_documents(self: Any, dataset_kwargs: Any = None) -> None:
        if self.config.dataset_path == DATASET_PATH:
            from tag_plugin.hosts.lmms_eval.settled_evaluation import load_documents

            load_documents(self)
        else:
            download(self, dataset_kwargs)

    return download_documents


def _evaluating(evaluate: Any) -> Callable[..., Any]:
    signature = inspect.signature(evaluate)

    @functools.wraps(evaluate)
    def simple_evaluate(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        call = bound.arguments
        if call["task_manager"] is None:
            name = call["model"] if isinstance(call["model"], str) else None
            evaluator = sys.modules[PATCHES["evaluate"].module]
            call["task_manager"] = evaluator.TaskManager(call["verbosity"], model_name=name)
        tasks = [*tag_tasks(call["tasks"] or [], call["task_manager"].task_index)]
        if not tasks:
            return evaluate(**call)
        from tag_plugin.hosts.lmms_eval.evaluation import finish
        from tag_plugin.hosts.lmms_eval.settled_evaluation import settled_evaluation

        with settled_evaluation(tasks, call) as evaluation, _changed_for(evaluation, call):
            return finish(evaluate(**call), evaluation)

    return simple_evaluate


@contextmanager
def _changed_for(evaluation: Any, call: Mapping[str, Any]) -> Iterator[None]:
    from tag_plugin.hosts.lmms_eval import host_functions

    functions: dict[Patch, Make] = {
        PATCHES["unwrap"]: partial(host_functions.telling, evaluation.wrapper),
        PATCHES["weights"]: host_functions.whole_weights,
    }
    of_wrappers: dict[Patch, Make] = {
        PATCHES["chat"]: partial(host_functions.without_system_line, evaluation.prompts),
        PATCHES["glm4v_picture"]: host_functions.without_loss,
        PATCHES["qwen2_vl_picture"]: host_functions.without_loss,
    }
    for patch, make in of_wrappers.items():
        if patch.module in sys.modules:  # the wrapper of this evaluation, which was looked at
            functions[patch] = make
    if evaluation.question.trained:
        tokenizing = partial(host_functions.without_special_tokens, evaluation.prompts)
        functions[PATCHES["tokenize"]] = tokenizing
    with ExitStack() as changes:
        for patch, make in functions.items():
            changes.enter_context(replaced(patch, make))
        if call.get("use_cache"):
            changes.enter_context(answers_kept(call["use_cache"]))
        yield


@contextmanager
def answers_kept(use_cache: str) -> Iterator[None]:
    """Reads what killed evaluations left in a cache, and keeps the answers of this one by batch."""
    from tag_plugin.hosts.lmms_eval import resuming

    root = Path(use_cache).absolute()
    resuming.recover(
        root.parent if root.suffix == ".db" else root, sys.modules[PATCHES["execute"].module]
    )
    with replaced(PATCHES["execute"], resuming.asking_by_batch):
        yield


def model_manifests() -> list[object]:
    """The entry point of the group `lmms_eval.models`: arms the host, and names the model "hf".

    Unless the host has one: `lmms_eval/models/registry_v2.py`.
    """
    if _autoload.disabled():
        return []
    _autoload.install()
    models = sys.modules["lmms_eval.models"]  # it is reading the entry points just now
    if HF_MODEL in {**models.AVAILABLE_SIMPLE_MODELS, **models.AVAILABLE_CHAT_TEMPLATE_MODELS}:
        return []
    from lmms_eval.models.registry_v2 import ModelManifest

    place = "tag_plugin.hosts.lmms_eval.checkpoint_model.CheckpointModel"
    return [ModelManifest(model_id=HF_MODEL, chat_class_path=place)]
