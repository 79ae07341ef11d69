"""One question to a model and its reply, and who answers it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from tag_plugin.pipeline.outcomes import StageError

STOPPED_READING = "too long"
"""The `finish` of a reply that was longer than anyone reads."""


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


class Client(Protocol):
    """Whoever answers a request: an endpoint, or a model in this process."""

    async def ask(self, request: Request) -> Reply:
        """The reply to one request, asked once.

        Raises:
            RequestError: no reply; says whether asking again may help.
            StageError: no request can succeed.
        """
        ...


class RequestError(RuntimeError):
    """A request without a reply.

    Attributes:
        kind: a short word to count it under: `429`, `time-out`, ...
        again: whether the same request may succeed later.
        wait: seconds to wait before that, as the endpoint asks; None when it does not say.
        unreachable: nobody answered at all.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        again: bool,
        wait: float | None = None,
        unreachable: bool = False,
    ) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.again = again
        self.wait = wait
        self.unreachable = unreachable


class StoppedError(StageError):
    """The run ends here and goes on when the command is run again."""


def compose(
    model: str, prompt: str, image: bytes, seed: int, parameters: Mapping[str, Any]
) -> Request:
    """A request with its key: SHA-256 over everything that is asked."""
    asked = {
        "model": model,
        "prompt": prompt,
        "image": sha256(image).hexdigest(),
        "seed": seed,
        "parameters": dict(parameters),
    }
    key = sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
    return Request(key, model, prompt, image, seed, parameters)


def request_seed(seed: int, split: str, row: str, attempt: int) -> int:
    """A seed for one attempt at one row, 31 bits: no two requests of a run are the same."""
    text = f"{seed}:{split}:{row}:{attempt}"
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big") >> 1
