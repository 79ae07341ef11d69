"""Which TAG data a call of the host's `simple_evaluate` needs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lmms_eval.utils import load_yaml_config

DATASET_PATH: Final = "tag_plugin"
"""`dataset_path` of the tasks that read TAG_DATA_DIR; `dataset_name` is the folder in it."""

HF_MODEL: Final = "hf"
"""The host's default for --model, which it does not have; ours loads any known family."""


def datasets_of(asked: Iterable[Any], index: Mapping[str, Any]) -> Iterator[str]:
    """The datasets under TAG_DATA_DIR that these tasks, tags and groups read."""
    for entry in [asked] if isinstance(asked, str) else asked:
        if isinstance(entry, str):
            yield from _datasets_of_name(entry, index)
        elif isinstance(entry, dict):
            yield from _datasets_of_config(entry, index)


def _datasets_of_name(name: str, index: Mapping[str, Any]) -> Iterator[str]:
    found = index.get(name)
    if found is None or found["type"] == "python_task":
        return
    if found["yaml_path"] == -1:
        yield from datasets_of(found["task"], index)
    else:
        yield from _datasets_of_config(load_yaml_config(found["yaml_path"], mode="simple"), index)


def _datasets_of_config(config: Mapping[str, Any], index: Mapping[str, Any]) -> Iterator[str]:
    if config.get("dataset_path") == DATASET_PATH:
        yield str(config["dataset_name"])
    elif isinstance(config.get("task"), list):
        yield from datasets_of(config["task"], index)
    elif isinstance(config.get("task"), str) and "dataset_path" not in config:
        yield from _datasets_of_name(config["task"], index)
