"""A process whose host lacks one declared symbol after the other; prints what arming made of it.

    python -m tests.hosts.changed_host "llamafactory MODULE SYMBOL llamafactory.train.tuner"

imports the host, which is armed, with SYMBOL of MODULE changed; then takes each declared symbol
away or changes it in turn, and at last arms the host as it is.
"""

import importlib
import inspect
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from tag_plugin import _autoload
from tag_plugin.hosts.patching import Patch

WATCHED = ("llamafactory", "lmms_eval", "transformers.trainer", "transformers.modeling_utils")
COPIED = "__slotnames__"  # which copy.deepcopy leaves on a class


def stranger(nobody_knows: object) -> None:
    """In the place of a symbol."""


def symbols() -> dict[str, int]:
    """Every attribute of the hosts' modules, and of the classes that they define."""
    seen: dict[str, int] = {"sys.excepthook": id(sys.excepthook)}
    for name, module in [*sys.modules.items()]:
        if module is None or not name.startswith(WATCHED):
            continue
        for key, value in vars(module).items():
            seen[f"{name}.{key}"] = id(value)
            if inspect.isclass(value) and value.__module__ == name:
                seen |= {f"{name}.{key}.{k}": id(v) for k, v in vars(value).items()}
    return seen


def differing(before: dict[str, int]) -> list[str]:
    """What is another now; of a class that is another as a whole, the class alone."""
    now = symbols()
    names = {name for name in before if now.get(name) != before[name] and COPIED not in name}
    return sorted(name for name in names if name.rpartition(".")[0] not in names)


def armed(host: str) -> list[str]:
    """Arms every module of the host; returns the lines that it said."""
    _autoload.OUTCOMES.clear()
    said = StringIO()
    with redirect_stderr(said):
        for name, adapter in _autoload.ADAPTERS.items():
            if name.startswith(f"{host}."):
                _autoload.arm(importlib.import_module(name), adapter)
    return said.getvalue().splitlines()


@contextmanager
def without(patch: Patch, *, gone: bool) -> Iterator[None]:
    """The host without a symbol, or with another in its place."""
    owner, name = patch.place
    original = inspect.getattr_static(owner, name)
    if gone:
        delattr(owner, name)
    else:
        setattr(owner, name, stranger)
    try:
        yield
    finally:
        setattr(owner, name, original)


def in_turn(host: str, patches: tuple[Patch, ...]) -> Iterator[dict[str, Any]]:
    """What is said and what is changed, for every symbol that is gone or takes something else."""
    for patch in patches:
        for gone in () if patch.added else (True, False):
            if not gone and not patch.parameters:
                continue  # only its name is relied on
            with without(patch, gone=gone):
                before = symbols()
                said = armed(host)
                changed = differing(before)
            symbol = f"{patch.module}.{patch.symbol}"
            yield {"symbol": symbol, "gone": gone, "said": said, "changed": changed}


def imported_with(module: str, symbol: str, last: str) -> list[str]:
    """What is said when a host is imported while a symbol of a library is another."""
    owner = importlib.import_module(module)
    original = getattr(owner, symbol)
    setattr(owner, symbol, stranger)
    said = StringIO()
    with redirect_stderr(said), redirect_stdout(StringIO()):
        importlib.import_module(last)
    setattr(owner, symbol, original)
    return [line for line in said.getvalue().splitlines() if line.startswith("tag-plugin:")]


def main(*questions: str) -> None:
    """Prints one JSON object, host -> what became of it."""
    answers: dict[str, Any] = {}
    for host, module, symbol, last in map(str.split, questions):
        imported = imported_with(module, symbol, last)
        patches = importlib.import_module(f"tag_plugin.hosts.{host}.patches").PATCHES.values()
        for patch in patches:
            importlib.import_module(patch.module)
        cases = [*in_turn(host, patches)]
        before = symbols()
        answers[host] = {"imported": imported, "cases": cases, "said": armed(host)}
        answers[host]["changed"] = differing(before)
    sys.stdout.write(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
