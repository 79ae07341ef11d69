"""Which TAG data a call of the host's `simple_evaluate` needs, and in which style it asks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tag_plugin.trace.prompt import Style

DATASET_PATH: Final = "tag_plugin"
"""`dataset_path` of the tasks that read TAG_DATA_DIR; `dataset_name` is the folder in it."""

STYLE_ARGUMENT: Final = "style"
"""The entry of a task's `dataset_kwargs` that names its style; grounded without it."""

HF_MODEL: Final = "hf"
"""The host's default for --model, which it does not have; ours loads any known family."""


@dataclass(frozen=True, slots=True)
class TagTask:
    """What one task reads and how it asks: a dataset's split, and a style."""

    dataset: str
    split: str = "test"
    style: Style = Style.GROUNDED


def tag_task(config: Mapping[str, Any]) -> TagTask:
    """What a task with this configuration reads and how it asks."""
    style = Style((config.get("dataset_kwargs") or {}).get(STYLE_ARGUMENT, Style.GROUNDED))
    return TagTask(str(config["dataset_name"]), str(config.get("test_split") or "test"), style)


def tag_tasks(tasks: Iterable[Any], index: Mapping[str, Any]) -> Iterator[TagTask]:
    """What these tasks, tags and groups read from TAG_DATA_DIR."""
    for entry in [tasks] if isinstance(tasks, str) else tasks:
        config = _configuration(entry, index)
        named = config.get("task")
        if config.get("dataset_path") == DATASET_PATH:
            yield tag_task(config)
        elif isinstance(named, list) or (isinstance(named, str) and "dataset_path" not in config):
            yield from tag_tasks(named, index)


def _configuration(entry: Any, index: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a task by name or by its settings; a tag or group has the list of its tasks."""
    from lmms_eval.utils import load_yaml_config  # not at the top: the host is being imported

    if isinstance(entry, str):
        entry = index.get(entry, {})
        if entry.get("type") != "python_task" and entry.get("yaml_path", -1) != -1:
            return dict(load_yaml_config(entry["yaml_path"], mode="simple"))
    return entry if isinstance(entry, dict) else {}
