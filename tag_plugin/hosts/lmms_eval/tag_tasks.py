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
    arguments = config.get("dataset_kwargs") or {}
    style = Style(arguments.get(STYLE_ARGUMENT, Style.GROUNDED))
    return TagTask(str(config["dataset_name"]), str(config.get("test_split") or "test"), style)


def tag_tasks(tasks: Iterable[Any], index: Mapping[str, Any]) -> Iterator[TagTask]:
    """What these tasks, tags and groups read from TAG_DATA_DIR."""
    for entry in [tasks] if isinstance(tasks, str) else tasks:
        if isinstance(entry, str):
            yield from _by_name(entry, index)
        elif isinstance(entry, dict):
            yield from _by_config(entry, index)


def _by_name(name: str, index: Mapping[str, Any]) -> Iterator[TagTask]:
    from lmms_eval.utils import load_yaml_config  # not at the top: the host is being imported

    entry = index.get(name)
    if entry is None or entry["type"] == "python_task":
        return
    if entry["yaml_path"] == -1:
        yield from tag_tasks(entry["task"], index)
    else:
        yield from _by_config(load_yaml_config(entry["yaml_path"], mode="simple"), index)


def _by_config(config: Mapping[str, Any], index: Mapping[str, Any]) -> Iterator[TagTask]:
    if config.get("dataset_path") == DATASET_PATH:
        yield tag_task(config)
    elif isinstance(config.get("task"), list):
        yield from tag_tasks(config["task"], index)
    elif isinstance(config.get("task"), str) and "dataset_path" not in config:
        yield from _by_name(config["task"], index)
