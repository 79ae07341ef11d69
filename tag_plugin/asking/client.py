"""openai's client, bounded: whatever an endpoint sends takes little memory and ends in time.

Bodies are read here: a chat completion in the shapes of real servers, or an error's words.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import openai

from tag_plugin.asking.failure import NO_CREDIT
from tag_plugin.asking.request import REFUSAL, STOPPED_READING, Reply, Request, one_line
from tag_plugin.asking.settings import EndpointSettings

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


_KEPT_OF_TOO_LONG: Final = 2000
"""Characters that are kept of a reply that was too long."""
_TELLING: Final = ("location", "retry-after", "retry-after-ms", "x-should-retry")
"""The headers that anybody looks at."""
_REPLY: Final = "reply"


class BoundedClient(openai.DefaultAsyncHttpxClient):
    """Reads every answer itself: so many bytes of it at most, all of it within the time-out.

    A picture goes to the address that was named and to no other: redirects are not followed. What
    comes with status 200 and is no reply becomes the error that it means, so that openai's client
    sends the request again, or does not, as after any other error.
    """

    def __init__(self, longest: int, before_each: Callable[[], Awaitable[None]]) -> None:
        # Nothing is unpacked: a kilobyte of gzip can be a gigabyte of text.
        super().__init__(follow_redirects=False, headers={"accept-encoding": "identity"})
        self._longest = longest
        self._before_each = before_each

    async def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  # of httpx or httpx2, as openai has it
        """One try of a request, its answer read to the end."""
        if request.method == "POST":
            await self._before_each()
        library = sys.modules[type(request).__module__.partition(".")[0]]
        seconds = request.extensions["timeout"]["read"]
        try:
            async with asyncio.timeout(seconds):
                response = await super().send(request, **{**options, "stream": True})
                async with aclosing(response):
                    body = await self._body(response)
        except TimeoutError:
            raise library.ReadTimeout(f"{seconds:g} s", request=request) from None
        return self._checked(library.Response, request, response, body)

    def _checked(self, make: Any, request: Any, response: Any, body: bytes) -> Any:  # noqa: ANN401  # see above
        """The answer as it is to be understood, with the reply where there is one."""
        status, content, reply = response.status_code, body, None
        headers = {name: response.headers[name] for name in _TELLING if name in response.headers}
        if status == 200 and request.method == "POST":
            try:
                reply = _cut_off(body) if len(body) > self._longest else read_completion(body)
            except NoCompletionError as error:
                status, content = error.status, json.dumps({"message": str(error)}).encode()
        elif NO_CREDIT.encode() in body:  # openai's client takes it for too many requests
            headers["x-should-retry"] = "false"
        return make(
            status,
            headers=headers,
            content=content,
            request=request,
            extensions={_REPLY: reply},
        )

    async def _body(self, response: Any) -> bytes:  # noqa: ANN401  # see above
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._longest:
                break
        return bytes(body)


def _cut_off(body: bytes) -> Reply:
    return Reply(body.decode(errors="replace")[:_KEPT_OF_TOO_LONG], STOPPED_READING)


class Endpoint:
    """One endpoint; `before_each` is awaited before every try of a request."""

    def __init__(
        self,
        settings: EndpointSettings,
        key: str | None,
        before_each: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._client = openai.AsyncOpenAI(
            base_url=settings.base_url,
            api_key=key or "EMPTY",  # local servers take any
            max_retries=settings.request_retries,
            timeout=settings.timeout,
            http_client=BoundedClient(settings.max_reply_bytes, before_each),
        )

    async def greet(self, seconds: float) -> None:
        """Whether anybody is there, and takes the key.

        Raises:
            openai.OpenAIError: no.
        """
        client = self._client.with_options(timeout=seconds, max_retries=0)
        await client.models.with_raw_response.list()

    async def complete(self, request: Request, system: str = "") -> Reply:
        """One chat completion; `system` is a system text, where there is one.

        Raises:
            openai.OpenAIError: none, after all retries.
        """
        seed = {"seed": request.seed} if self._settings.send_seed else {}
        answer = await self._client.chat.completions.with_raw_response.create(
            model=request.model,
            messages=[*_system(system), _message(request)],
            extra_body={**request.parameters, **seed},
        )
        reply: Reply = answer.http_response.extensions[_REPLY]
        return reply

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _system(text: str) -> list[Any]:  # openai's own TypedDicts
    return [{"role": "system", "content": text}] if text else []


def _message(request: Request) -> Any:  # noqa: ANN401  # openai's own TypedDicts
    kind = "png" if request.image.startswith(b"\x89PNG") else "jpeg"
    url = f"data:image/{kind};base64,{base64.b64encode(request.image).decode('ascii')}"
    return {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": request.prompt},
        ],
    }
