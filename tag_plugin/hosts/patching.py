"""What is changed in a host: declared in one table a host, checked as a whole, then made.

A host's modules are imported one after the other, and the first change must come before the last
module is there. A module that has not been executed yet is therefore read instead of run.
"""

import ast
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tag_plugin.hosts.repairs import mends
from tag_plugin.hosts.versions import version, warn_untested

ALWAYS: Final = "always"
OTHERS: Final = "..."  # at the end of `parameters`: more of them, in any place, make no difference
_OURS: Final = "_tag_plugin"  # marks our own functions, so that a second call changes nothing

_DISTRIBUTIONS: Final = {
    "llamafactory": ("llamafactory", "transformers"),
    "lmms_eval": ("lmms-eval", "transformers"),
}

Make = Callable[[Any], Any]


class HostChangedError(RuntimeError):
    """The host is not the one that a change was written for."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One symbol of a host that is changed, and what the change relies on.

    Attributes:
        module: where the host looks the symbol up.
        symbol: a function or class of the module, or `Class.method`.
        parameters: their names; empty for a class of which only the name is relied on.
        package: the distribution that defines it.
        why: what the change is for.
        when: as long as what it stays.
        repair: its name in `repairs.REPAIRS`, where it mends the host for everybody.
        added: whether the module may lack it: its source names it, and it is there for a while.
    """

    module: str
    symbol: str
    parameters: str
    package: str
    why: str
    when: str = ALWAYS
    repair: str = ""
    added: bool = False

    @property
    def place(self) -> tuple[Any, str]:
        """The object that holds the symbol, and the name of the attribute."""
        owner, _, name = self.symbol.rpartition(".")
        module = import_module(self.module)
        return (getattr(module, owner) if owner else module), name

    def problem(self) -> str | None:
        """One line about a symbol that is gone or takes other parameters, or None."""
        found = _named(self) if self.added else _parameters(self.module, self.symbol)
        where, wanted = f"{self.module}.{self.symbol}", self.parameters.split()
        if found is None:
            return f"{where} is gone; {_next(self.module.partition('.')[0].replace('_', '-'))}"
        fits = set(wanted[:-1]) <= set(found) if wanted[-1:] == [OTHERS] else wanted == found
        differs = f"{where} takes ({', '.join(found)}), not ({', '.join(wanted)})"
        return None if fits or not wanted else f"{differs}; {_next(self.package)}"


def attach(module: ModuleType, adapter: str) -> None:
    """Imports `adapter` ("module:function") and calls it with the executed host module.

    Not before all that is changed in the host, now or later, was found as expected.

    Raises:
        Exception: whatever the adapter raises; `tag_plugin._autoload` is the boundary.
    """
    warn_untested(_DISTRIBUTIONS.get(module.__name__.partition(".")[0], ()))
    place, _, function = adapter.partition(":")
    patches = import_module(place)
    check(getattr(patches, "PATCHES", {}).values())
    getattr(patches, function)(module)


def check(patches: Iterable[Patch]) -> None:
    """That every symbol of a host is what its change was written for.

    Raises:
        HostChangedError: one is not; names it, its package and the tested range.
    """
    problem = next(filter(None, (each.problem() for each in patches)), None)
    if problem:
        raise HostChangedError(problem)


def replace(patch: Patch, make: Make) -> None:
    """Puts `make(the host's own)` in its place, once."""
    owner, name = patch.place
    original = getattr(owner, name)
    if getattr(original, _OURS, False):
        return
    ours = make(original)
    setattr(ours, _OURS, True)
    setattr(owner, name, ours)


@contextmanager
def replaced(patch: Patch, make: Make) -> Iterator[None]:
    """The same for as long as it lasts; nothing where the user has switched the repair off."""
    if not mends(patch.repair):
        yield
        return
    owner, name = patch.place
    lacking = patch.added and not hasattr(owner, name)
    original = None if lacking else inspect.getattr_static(owner, name)
    ours = make(getattr(original, "__func__", original))
    setattr(owner, name, classmethod(ours) if isinstance(original, classmethod) else ours)
    try:
        yield
    finally:
        if lacking:
            delattr(owner, name)
        else:
            setattr(owner, name, original)


def _named(patch: Patch) -> list[str] | None:
    """Nothing is relied on but that the module's source names the symbol."""
    file = _source(patch.module)
    text = file.read_text(encoding="utf-8") if file else ""
    return [] if re.search(rf"\b{patch.symbol}\b", text) else None


def _parameters(module: str, symbol: str) -> list[str] | None:
    """The names of what a symbol takes, None where it is gone; from the source if need be."""
    imported = sys.modules.get(module)
    found: Any = imported
    for name in symbol.split("."):
        found = getattr(found, name, None)
    if found is not None:
        return [*inspect.signature(getattr(found, "__func__", found)).parameters]
    if imported is None or getattr(imported.__spec__, "_initializing", False):  # importlib's word
        return _written(module, symbol)
    return None


def _written(module: str, symbol: str) -> list[str] | None:
    """What the source says, followed through `from ... import`."""
    file = _source(module)
    if file is None:
        return None
    text = file.read_text(encoding="utf-8")
    owner, _, name = symbol.rpartition(".")
    before = rf"class {owner}\b.*?^ +" if owner else ""
    if found := re.search(rf"^{before}(def|class) {name}\b", text, re.MULTILINE | re.DOTALL):
        return _signature(text[found.start(1) :]) if found[1] == "def" else []
    top = owner or name
    imports = rf"^\s*from (\S+) import (?:[^(\n]*\b{top}\b|\([^)]*\b{top}\b)"
    if found := re.search(imports, text, re.MULTILINE):
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        return _written(resolve_name(found[1], package), symbol)
    return None


def _signature(text: str) -> list[str]:
    """The parameters of the function that a text begins with."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    end = next(token.end for token in tokens if token.type == tokenize.NEWLINE or token.line == "")
    header = "".join(text.splitlines(keepends=True)[: end[0]])
    function = ast.parse(header[: header.rindex(":") + 1] + " pass").body[0]
    assert isinstance(function, ast.FunctionDef)  # noqa: S101  # the pattern that found it
    given = function.args
    every = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
    return [each.arg for each in every if each]


def _source(module: str) -> Path | None:
    """The file of a module, found without executing its parents."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0], *rest)
    return next(
        filter(Path.is_file, (path.with_name(f"{path.name}.py"), path / "__init__.py")), None
    )


def _next(package: str) -> str:
    return f"{version(package)}; next: pip install '{package}{version(package).ranges[0]}'"
