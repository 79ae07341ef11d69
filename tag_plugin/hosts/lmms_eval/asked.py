"""Which TAG data a call of the host's `simple_evaluate` needs, and in which style it asks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lmms_eval.utils import load_yaml_config

from tag_plugin.trace.prompt import Style

DATASET_PATH: Final = "tag_plugin"
"""`dataset_path` of the tasks that read TAG_DATA_DIR; `dataset_name` is the folder in it."""

STYLE_ARGUMENT: Final = "style"
"""The entry of a task's `dataset_kwargs` that names its style; grounded without it."""

HF_MODEL: Final = "hf"
"""The host's default for --model, which it does not have; ours loads any known family."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one task reads and how it asks: a dataset's split, and a style."""

    dataset: str
    split: str = "test"
    style: Style = Style.GROUNDED


def asked_by(config: Mapping[str, Any]) -> Asked:
    """What a task with this configuration reads and how it asks."""
    arguments = config.get("dataset_kwargs") or {}
    style = Style(arguments.get(STYLE_ARGUMENT, Style.GROUNDED))
    return Asked(str(config["dataset_name"]), str(config.get("test_split") or "test"), style)


def all_asked(tasks: Iterable[Any], index: Mapping[str, Any]) -> Iterator[Asked]:
    """What these tasks, tags and groups read from TAG_DATA_DIR."""
    for entry in [tasks] if isinstance(tasks, str) else tasks:
        if isinstance(entry, str):
            yield from _asked_by_name(entry, index)
        elif isinstance(entry, dict):
            yield from _asked_by_config(entry, index)


def _asked_by_name(name: str, index: Mapping[str, Any]) -> Iterator[Asked]:
    found = index.get(name)
    if found is None or found["type"] == "python_task":
        return
    if found["yaml_path"] == -1:
        yield from all_asked(found["task"], index)
    else:
        yield from _asked_by_config(load_yaml_config(found["yaml_path"], mode="simple"), index)


def _asked_by_config(config: Mapping[str, Any], index: Mapping[str, Any]) -> Iterator[Asked]:
    if config.get("dataset_path") == DATASET_PATH:
        yield asked_by(config)
    elif isinstance(config.get("task"), list):
        yield from all_asked(config["task"], index)
    elif isinstance(config.get("task"), str) and "dataset_path" not in config:
        yield from _asked_by_name(config["task"], index)
