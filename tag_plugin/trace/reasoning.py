"""Where a model's reasoning ends and its answer begins, by the marks of many model families."""

import re
from typing import Final

_NAMES: Final = "think|thinking|reasoning|reason|analysis|thought|thoughts|seed:think"
_OPENED = re.compile(
    rf"<(?:{_NAMES})>|◁think▷|\[think\]|<unused94>"
    r"|<\|(?:begin_of_thought|start_thinking|channel\|>analysis<\|message)\|>",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    rf"</(?:{_NAMES})>|◁/think▷|\[/think\]|<unused95>"
    r"|<\|(?:end_of_thought|end_thinking|channel\|>final<\|message)\|>",
    re.IGNORECASE,
)


def without_reasoning(text: str) -> str | None:
    """What follows the reasoning; None when reasoning never ends.

    >>> without_reasoning("The corners drop.</think>sad"), without_reasoning("<think>The corners")
    ('sad', None)
    """
    end = max((closed.end() for closed in _CLOSED.finditer(text)), default=0)
    return None if _OPENED.search(text, end) else text[end:]


def never_closed(text: str) -> bool:
    """Whether reasoning begins and nothing that was opened is ever closed."""
    opened = _OPENED.search(text) is not None
    return opened and "</" not in text and _CLOSED.search(text) is None
