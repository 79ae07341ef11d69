"""An OpenAI-compatible endpoint: vLLM, SGLang, LLaMA-Factory's `api`, or a hosted model."""

import asyncio
import base64
import json
from typing import Any, Final, Self

import openai
from openai import AsyncOpenAI

from tag_plugin.pipeline.write.http_errors import (
    connection_failure,
    scrubbed,
    status_failure,
    transport_errors,
)
from tag_plugin.pipeline.write.request import (
    STOPPED_READING,
    Reply,
    Request,
    RequestError,
    StoppedError,
)
from tag_plugin.pipeline.write.settings import WriterSettings

_KEPT_OF_TOO_LONG: Final = 2000
"""Characters that are kept of a reply that was too long."""
_GREETING: Final = 10.0
"""Seconds for the list of models, which is only asked for to see whether anybody is there."""


class OpenAIClient:
    """Asks one endpoint; `async with OpenAIClient(settings, key) as client`."""

    def __init__(self, settings: WriterSettings, key: str | None) -> None:
        self._settings = settings
        self._key = key
        self._no_answer: tuple[type[Exception], ...] = (
            openai.APIConnectionError,
            *transport_errors(),
        )
        self._client = AsyncOpenAI(
            base_url=settings.base_url,
            api_key=key or "EMPTY",  # local servers take any
            max_retries=0,  # Endpoint decides about retries, and counts them
            timeout=settings.timeout,
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),
        )

    async def __aenter__(self) -> Self:
        """Whether anybody is at the address, and takes the key.

        Raises:
            StoppedError: nobody, the key is refused, or it redirects elsewhere.
        """
        try:
            await self._client.with_options(timeout=_GREETING).models.with_raw_response.list()
        except openai.APIStatusError as error:
            if error.status_code < 400 or error.status_code in (401, 403):
                raise status_failure(error, self._key) from None
        except openai.APIConnectionError as error:
            failure = connection_failure(error, self._key)
            if failure.unreachable:
                raise StoppedError(
                    f"nobody answers at {self._settings.base_url} ({failure}); next: start the "
                    "server, or check --endpoint"
                ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, request: Request) -> Reply:
        """One chat completion.

        Raises:
            RequestError: no reply, or one that is no chat completion.
            StoppedError: the key, the address or the model is wrong, the address redirects
                elsewhere, or the credit is spent.
        """
        try:
            async with asyncio.timeout(self._settings.timeout):
                body, whole = await self._body(request)
        except openai.APIStatusError as error:
            raise status_failure(error, self._key) from None
        except (TimeoutError, openai.APITimeoutError):
            raise RequestError("time-out", f"{self._settings.timeout} s", again=True) from None
        except self._no_answer as error:
            raise connection_failure(error, self._key) from None
        if not whole:
            legible = body.decode("utf-8", "replace")[:_KEPT_OF_TOO_LONG]
            return Reply(scrubbed(legible, self._key), STOPPED_READING)
        return self._reply(body)

    async def _body(self, request: Request) -> tuple[bytearray, bool]:
        """The bytes of the answer, and whether these are all of them."""
        create = self._client.chat.completions.with_streaming_response.create
        parameters = dict(request.parameters)
        if self._settings.send_seed:
            parameters["seed"] = request.seed
        body = bytearray()
        async with create(
            model=request.model, messages=[_message(request)], extra_body=parameters
        ) as response:
            async for chunk in response.iter_bytes():
                body += chunk
                if len(body) > self._settings.max_reply_bytes:
                    return body, False
        return body, True

    def _reply(self, body: bytearray) -> Reply:
        try:
            completion = json.loads(body.decode("utf-8"))
            choice = completion["choices"][0]
            text, finish = choice["message"].get("content"), choice.get("finish_reason")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            reason = f"no chat completion: {type(error).__name__}"
            raise RequestError("unreadable", reason, again=True) from None
        usage = completion.get("usage")
        prompt, answer = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        return Reply(scrubbed(_words(text), self._key), _words(finish), prompt, answer)


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _message(request: Request) -> Any:  # noqa: ANN401  # openai's own TypedDicts
    kind = "png" if request.image.startswith(b"\x89PNG") else "jpeg"
    picture = base64.b64encode(request.image).decode("ascii")
    url = f"data:image/{kind};base64,{picture}"
    return {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": request.prompt},
        ],
    }
