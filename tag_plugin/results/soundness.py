"""What no evaluation writes into its results: the message says which value, and why not."""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.results.protocol import Protocol
from tag_plugin.results.summary import Summary

_TASK: Final = re.compile(r"[\w][\w.+-]{0,150}")
"""It becomes part of file names."""
_DEEPEST: Final = 20
_LARGEST: Final = 2**53
_MOST_RESAMPLES: Final = 100_000
_LONGEST_PLACE: Final = 60


def unsound(task: str, block: object) -> str | None:
    """Why what is stored of a task cannot be read at all; None when it may be."""
    if not _TASK.fullmatch(task):
        return "not the name of a task"
    return next(_values(block), None) if isinstance(block, dict) else "not an object"


def contradiction(protocol: Protocol, summary: Summary) -> str | None:
    """Which parts of a task's protocol and numbers cannot both be true; None when all can."""
    labels, sizes = summary.labels, {len(row) for row in summary.confusion}
    known = LABEL_SETS.get(protocol.label_set)
    bootstrap = summary.bootstrap
    checks = (
        (known is not None, f"protocol.label_set: no label set {protocol.label_set!r} is known"),
        (known is None or known.labels == protocol.labels == labels, "labels of another set"),
        (len(summary.confusion) == len(labels), "summary.confusion: not a row a label"),
        (sizes == {len(labels) + 1}, "summary.confusion: not a column a label and one more"),
        (min(protocol.n, summary.n, summary.failed) >= 0, "n, failed: a negative number"),
        (0 < bootstrap.level < 1, "summary.bootstrap.level: not between 0 and 1"),
        (0 < bootstrap.resamples <= _MOST_RESAMPLES, "summary.bootstrap.resamples: out of range"),
    )
    return next((problem for holds, problem in checks if not holds), None)


def too_deep(value: object) -> bool:
    """Whether a JSON value is nested deeper than any that an evaluation writes."""
    return any(depth > _DEEPEST for _, depth, _ in _walk(value))


def _values(block: dict[str, Any]) -> Iterator[str]:
    for place, depth, value in _walk(block):
        if depth > _DEEPEST:
            yield f"{place}: nested too deeply"
        if isinstance(value, float) and not isfinite(value):
            yield f"{place}: {value} is no number"
        if isinstance(value, int) and abs(value) > _LARGEST:
            yield f"{place}: too large a number"


def _walk(value: object) -> Iterator[tuple[str, int, object]]:
    """(place, depth, value) of a JSON value and all in it, down to one level too deep."""
    waiting: list[tuple[str, int, object]] = [("", 0, value)]
    while waiting:
        place, depth, value = waiting.pop()
        yield place, depth, value
        if depth <= _DEEPEST and isinstance(value, dict | list):
            for key, part in value.items() if isinstance(value, dict) else enumerate(value):
                name = f"{place}.{str(key)[:30]}".lstrip(".")
                waiting.append((name[-_LONGEST_PLACE:], depth + 1, part))
