"""A reply without text that is no answer of the model: kept apart from one that it gave."""

import functools
from collections.abc import Callable
from typing import Any

from tag_plugin.hosts.lmms_eval.wrappers import Wrapper


class EmptyReply(str):
    """An empty text as any other to the host, which says why it is one."""

    reason: str

    def __new__(cls, reason: str) -> "EmptyReply":
        """An empty text for this reason."""
        made = super().__new__(cls, "")
        made.reason = reason
        return made

    def strip(self, characters: str | None = None, /) -> str:
        """Itself: the host strips every reply before it is judged."""
        return self


def telling(wrapper: Wrapper, unwrap: Any) -> Callable[[Any], Any]:
    """The host's `unwrap_generation_output`, which makes a text of a reply."""

    @functools.wraps(unwrap)
    def unwrap_generation_output(output: Any) -> Any:
        text, counts = unwrap(output)
        reason = _reason(wrapper, output, text, counts)
        return (EmptyReply(reason) if reason else text), counts

    return unwrap_generation_output


def _reason(wrapper: Wrapper, output: Any, text: Any, counts: Any) -> str | None:
    """Why a reply has no text though the model did not say nothing; None for any other reply.

    A service has no text where its reasoning took all tokens, or it refused. A wrapper of ours
    returns an empty text without a count of tokens where generating failed; with one, the model
    ended at once, which is its answer.
    """
    if isinstance(text, str) and text.strip() and output is not None:
        return None
    if output is None or text is None:
        return "the model returned nothing"
    if wrapper.service:
        return "the service returned an empty text"
    failed = wrapper.loads_checkpoint and not isinstance(output, str) and counts is None
    return "generating failed, the host's log says why" if failed else None
