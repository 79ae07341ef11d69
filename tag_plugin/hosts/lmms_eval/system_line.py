"""Qwen3-VL's wrapper puts "You are a helpful assistant." before every conversation.

The model's own chat template has no such line, and neither have the host templates it is trained
with. A system prompt of the user's own stays.
"""

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any


def left_out(prompts: Collection[str], apply: Any) -> Callable[..., Any]:
    """The wrapper's `_apply_chat_template`, without that line where one of `prompts` is asked."""

    @functools.wraps(apply)
    def apply_chat_template(self: Any, batched_messages: Any, **kwargs: Any) -> Any:
        hosts_own = inspect.signature(type(self).__init__).parameters["system_prompt"].default
        if self.system_prompt == hosts_own:
            batched_messages = [_asked(each, prompts) for each in batched_messages]
        return apply(self, batched_messages, **kwargs)

    return apply_chat_template


def _asked(messages: list[dict[str, Any]], prompts: Collection[str]) -> list[dict[str, Any]]:
    """A TAG conversation without its system line; any other as it is."""
    if not any(part.get("text") in prompts for part in messages[-1]["content"]):
        return messages
    return [message for message in messages if message["role"] != "system"]
