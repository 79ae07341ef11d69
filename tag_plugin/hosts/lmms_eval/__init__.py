"""What tag-plugin registers in lmms-eval; `tag_plugin._autoload` and an entry point call it.

Each adapter gets the host module that has just been executed. Registering loads nothing heavy:
what is imported inside the functions is either the host's own or small.
"""

from types import ModuleType


def register_tasks(tasks: ModuleType) -> None:
    """Makes `lmms_eval.tasks` find the tag_ tasks and read their rows from TAG_DATA_DIR."""
    from tag_plugin.hosts.lmms_eval.patches import patch_tasks

    patch_tasks(tasks)


def register_evaluator(evaluator: ModuleType) -> None:
    """Makes `lmms_eval.evaluator` settle what is asked before a model loads, and name failures."""
    from tag_plugin.hosts.lmms_eval.patches import patch_evaluator

    patch_evaluator(evaluator)


def register_response_cache(response_cache: ModuleType) -> None:
    """Makes `lmms_eval.caching.response_cache` keep the answers of a killed evaluation."""
    from tag_plugin.hosts.lmms_eval.patches import patch_response_cache

    patch_response_cache(response_cache)


def register_qwen3_vl(wrapper: ModuleType) -> None:
    """Makes `lmms_eval.models.simple.qwen3_vl` ask a TAG question without a system prompt."""
    from tag_plugin.hosts.lmms_eval.patches import patch_qwen3_vl

    patch_qwen3_vl(wrapper)


def model_manifests() -> list[object]:
    """The entry point of the group `lmms_eval.models`: the model name "hf", after arming."""
    from tag_plugin import _autoload

    if _autoload.disabled():
        return []
    _autoload.install()
    from tag_plugin.hosts.lmms_eval.patches import hf_manifest

    return hf_manifest()
