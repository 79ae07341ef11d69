"""One question to a model, its reply, and what it means that there is none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

STOPPED_READING: Final = "too long"
"""The `finish` of a reply that was longer than anyone reads."""
REFUSAL: Final = "refusal"
"""The `finish` of a reply that is the model's refusal."""
_HOPELESS: Final[Mapping[str, str]] = {
    "length": "all of max_tokens went into reasoning; next: a larger max_tokens, or less reasoning",
    "content_filter": "the endpoint's content_filter kept the reply back",
    "tool_calls": "tool_calls instead of a text",
    REFUSAL: "the model refuses",
}
_SAID: Final = 200
"""Characters of a refusal that are told."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question about one picture. `key` is the same exactly when the same thing is asked.

    The key leaves out the endpoint's address: the same model behind another address is not asked
    (and paid) again.
    """

    key: str
    model: str
    prompt: str
    image: bytes
    seed: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. The token counts are None where the endpoint did not tell them."""

    text: str
    finish: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float = 0.0
    seconds: float = 0.0

    @property
    def hopeless(self) -> str | None:
        """Why there is no text, where asking again is money lost; None for any other reply."""
        reason = _HOPELESS.get(self.finish)
        if self.finish == REFUSAL:
            return f"{reason}: {one_line(self.text, _SAID)}"
        return None if self.text.strip() else reason


def one_line(text: str, longest: int) -> str:
    """The beginning of a server's words, as any file and any terminal can take it."""
    return " ".join(text[: 2 * longest].encode(errors="replace").decode().split())[:longest]


class RequestError(RuntimeError):
    """A request that was given up; `kind` is a short word to count it under: `429`, `time-out`.

    Attributes:
        kind: see above.
        again: whether the same request may succeed later.
        unreachable: nobody answered at all.
    """

    def __init__(self, kind: str, detail: str, *, again: bool, unreachable: bool = False) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.again = again
        self.unreachable = unreachable


class AskingError(RuntimeError):
    """Nothing more can be asked now; the message says the next step. What was paid is kept."""


def compose(
    model: str, prompt: str, image: bytes, seed: int, parameters: Mapping[str, Any]
) -> Request:
    """A request with its key: SHA-256 over everything that is asked."""
    content = {
        "model": model,
        "prompt": prompt,
        "image": sha256(image).hexdigest(),
        "seed": seed,
        "parameters": dict(parameters),
    }
    digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Request(digest[:32], model, prompt, image, seed, parameters)


def request_seed(seed: int, split: str, row: str, attempt: int) -> int:
    """A seed for one attempt at one row, 31 bits: no two requests of a run are the same."""
    digest = sha256(f"{seed}:{split}:{row}:{attempt}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
