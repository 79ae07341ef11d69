"""The user's own rewards: `file.py:function` with TRL's signature, called with care."""

import importlib.util
import inspect
import math
import traceback
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError, refuse

GIVEN: Final = (
    "prompts",
    "completions",
    "completion_ids",
    "images",
    "solution",
    "tag_row",
    "trainer_state",
)
"""What a reward is called with, by name: TRL's own, and the columns of a sample."""


@dataclass(frozen=True)
class FileReward:
    """A function of a Python file; `args` are passed by name."""

    file: str
    name: str
    args: dict[str, Any] = field(default_factory=dict)

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def where(self) -> str:
        """How the recipe names it."""
        return f"{self.file}:{self.name}"

    def check_signature(self, given: Sequence[str] = GIVEN) -> None:
        """That the function can be called with these names.

        Raises:
            GrpoError: it cannot; says what it lacks.
        """
        function = load_function(self.file, self.name)
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError) as error:
            raise GrpoError(f"rewards: {self.where} cannot be called by name ({error})") from None
        try:
            signature.bind(**dict.fromkeys(given), **self.args)
        except TypeError as error:
            raise GrpoError(
                f"rewards: {self.where}{signature} cannot be called ({error}); a reward is called "
                f"with {', '.join([*given, *self.args])}, all by name; next: def {self.name}"
                "(completions, ..., **kwargs)"
            ) from None

    def __call__(self, **columns: Any) -> list[float | None]:
        """What the function gives: a number for each completion, or None: not applicable.

        Raises:
            GrpoError: it raises, or gives anything else; names the line or the value.
        """
        function = load_function(self.file, self.name)
        try:
            values = function(**columns, **self.args)
        except (Exception, SystemExit) as error:  # the user's function may raise anything
            raise GrpoError(f"rewards: {self._line_of(error)}: {_said(error)}") from error
        return self._checked(values, len(columns["completions"]))

    def _checked(self, values: Any, expected: int) -> list[float | None]:
        count = _length(values)
        refuse(
            {
                f"rewards: {self.where} gave {_shown(values)}, not a list with a number for each "
                "completion": count is None,
                f"rewards: {self.where} gave {count} values for {expected} completions; "
                "next: one for each, None where it does not apply": count != expected,
            }
        )
        return [self._number(index, value) for index, value in enumerate(values)]

    def _number(self, index: int, value: Any) -> float | None:
        if value is None:
            return None
        try:
            number = math.nan if isinstance(value, str) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise GrpoError(
                f"rewards: {self.where} gave {_shown(value)} for completion {index}, not a finite "
                "number; None means that it does not apply"
            )
        return number

    def _line_of(self, error: BaseException) -> str:
        """The last line of the user's file that the error passed through."""
        lines = list(traceback.extract_tb(error.__traceback__))
        path = str(Path(self.file).resolve())
        own = [each for each in lines if each.filename == path] or lines[-1:]
        return f"{own[-1].filename}:{own[-1].lineno}: {self.name} raised" if own else self.where


@cache
def load_function(file: str, name: str) -> Callable[..., Any]:
    """The function of a Python file.

    Raises:
        GrpoError: no such file or function, or the file does not run.
    """
    module = _load_module(Path(file).resolve(), f"{file}:{name}")
    function = getattr(module, name, None)
    if not callable(function):
        known = sorted(
            key
            for key, each in vars(module).items()
            if inspect.isfunction(each) and each.__module__ == module.__name__
        )
        raise GrpoError(
            f"rewards: {module.__file__} has no function {name!r}; it has "
            f"{', '.join(known) or 'none'}"
        )
    return function  # type: ignore[no-any-return]  # checked above


@cache
def _load_module(path: Path, asked: str) -> ModuleType:
    if not path.is_file():
        raise GrpoError(f"rewards: {asked}: no file {path}; next: check the path")
    spec = importlib.util.spec_from_file_location(f"tag_reward_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise GrpoError(f"rewards: {asked}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's file may raise anything
        raise GrpoError(f"rewards: {path} does not run: {_said(error)}") from error
    return module


def _length(values: Any) -> int | None:
    """How many values; None where they have no order, or are none."""
    if isinstance(values, str | bytes | Mapping | Set):
        return None
    try:
        return len(values)
    except TypeError:  # a number, a generator, an array without dimensions
        return None


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _shown(value: object) -> str:
    return f"{value!r:.60} ({type(value).__name__})"
