"""Settings in YAML that somebody else wrote: recipes, limits, a writer's configuration.

The text goes through `text_file`; length, depth and number of values are bounded before memory is
taken, and whatever is wrong is a TextFileError that names the file and, where there is one, its
line.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tag_plugin.data.text_file import TextFileError, file_size, read_text, value_kind

MAX_SETTINGS: Final = 2**20
"""Bytes of the longest YAML file that is read."""
MAX_YAML_DEPTH: Final = 200
MAX_YAML_VALUES: Final = 100_000
"""Values of a YAML file, those that an alias repeats counted each time."""

_YAML_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:  # noqa: ANN401  # YAML is any value
    """The value of a YAML file with plain tags; None when it is empty.

    Raises:
        TextFileError: not a regular file, not text, longer than MAX_SETTINGS, not YAML, or with
            more than MAX_YAML_VALUES values once its aliases are followed.
        OSError: missing, or not to be opened.
    """
    if file_size(path) > MAX_SETTINGS:
        raise TextFileError(f"{path}: longer than {MAX_SETTINGS:,} bytes, too long for settings")
    text = read_text(path)
    try:
        _check_depth(yaml.parse(text, Loader=_YAML_LOADER))
        value = yaml.load(text, Loader=_YAML_LOADER)  # noqa: S506  # a safe loader
        size = _size(value, {}, ())
    except RecursionError:
        raise TextFileError(f"{path}: YAML nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else path
        raise TextFileError(f"{where}: not YAML ({getattr(error, 'problem', error)})") from None
    if size > MAX_YAML_VALUES:
        raise TextFileError(f"{path}: more than {MAX_YAML_VALUES:,} values, aliases followed")
    return value


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """The mapping of a YAML file, every key a string; empty when the file is.

    Raises:
        TextFileError: as `read_yaml`, or the value is no mapping from strings.
        OSError: missing, or not to be opened.
    """
    value = read_yaml(path)
    if not isinstance(value, dict | None):
        raise TextFileError(f"{path}: not a mapping `key: value` but {value_kind(value)}")
    for key in value or {}:
        if not isinstance(key, str):
            raise TextFileError(f"{path}: the key {str(key)[:40]!r} is no string; quote it")
    return value or {}


def _check_depth(events: Iterator[Any]) -> None:
    """The loader in C takes a stack frame a level, and ends the process where that is too deep."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_YAML_DEPTH:
            raise RecursionError


def _size(value: object, sizes: dict[int, int], above: tuple[int, ...]) -> int:
    """How many values a value holds, one that an alias repeats counted each time."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in above:
        raise ValueError("an alias inside the value that it names")
    if id(value) not in sizes:
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_size(part, sizes, (*above, id(value))) for part in parts)
    return sizes[id(value)]
