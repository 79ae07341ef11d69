"""The body of an answer: a chat completion in the shapes of real servers, or an error's words."""

import json
from typing import Any, Final

from tag_plugin.asking.request import REFUSAL, Reply, one_line

_ERRORS: Final = range(400, 600)
_BAD_GATEWAY: Final = 502
_LONGEST_WORD: Final = 40
_MOST_TOKENS: Final = 2**31
_COUNTS: Final = ("prompt_tokens", "completion_tokens")


class NoCompletionError(ValueError):
    """A body that came with status 200 and is no chat completion; `status` is what fits it."""

    def __init__(self, message: str, status: int = _BAD_GATEWAY) -> None:
        super().__init__(message)
        self.status = status


def read_completion(body: bytes) -> Reply:
    """The reply in a body. Any bytes give a reply that can be stored, or an error.

    A content may be a text, a list of parts or null. What a server with a reasoning parser put into
    `reasoning_content` is the reply where there is no other and it was not cut off.

    Raises:
        NoCompletionError: something else, or an error that was sent with status 200.
    """
    content: Any = None
    try:
        content = json.loads(body)
        choice = content["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        finish = one_line(finish, _LONGEST_WORD) if isinstance(finish, str) else ""
        text, refusal = _text(message.get("content")), message.get("refusal")
        if not text and isinstance(refusal, str) and refusal:
            text, finish = refusal, REFUSAL
        if not text and finish == "stop":
            text = _text(message.get("reasoning_content") or message.get("reasoning"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _problem(content, error) from None
    prompt, completion = (_count(content.get("usage"), name) for name in _COUNTS)
    return Reply(text, finish, prompt, completion)


def _problem(content: object, reason: Exception) -> NoCompletionError:
    error = content.get("error") if isinstance(content, dict) else None
    if not error:
        return NoCompletionError(f"no chat completion: {type(reason).__name__}")
    message, code = (
        error.get(n) if isinstance(error, dict) else error for n in ("message", "code")
    )
    status = code if isinstance(code, int) and code in _ERRORS else _BAD_GATEWAY
    return NoCompletionError(message if isinstance(message, str) else "an error", status)


def _text(content: object) -> str:
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None
