"""Asking: from the table or the endpoint, within the limits, many at a time, with a clean end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import openai
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tag_plugin.asking.client import Endpoint
from tag_plugin.asking.failure import Outage, meaning, scrubbed
from tag_plugin.asking.limits import Budget, Pace
from tag_plugin.asking.replies import Replies
from tag_plugin.asking.request import AskingError, Reply, Request, RequestError
from tag_plugin.asking.settings import EndpointSettings

_GREETING: Final = 10.0
"""Seconds for the list of models, which is only asked for to see whether anybody is there."""


class Asker:
    """A model, the table of its replies and its limits; used inside one event loop."""

    def __init__(
        self,
        settings: EndpointSettings,
        replies: Replies,
        answered: int,
        make_endpoint: Callable[..., Any],
    ) -> None:
        self.replies = replies
        self._settings = settings
        self._key = settings.key
        self._endpoint: Endpoint = make_endpoint(settings, self._key, self._before_each)
        self._budget = Budget(settings, replies.spent)
        self._pace = Pace(settings.requests_per_minute, settings.tokens_per_minute)
        self._outage = Outage(settings.base_url or settings.model, answered)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._stopping = asyncio.Event()
        self._reason: AskingError | None = None
        self._greeting: asyncio.Future[None] | None = None

    async def ask(self, request: Request) -> Reply:
        """The reply, which is in the table when this returns.

        Its slot is free again only then: at no time are more replies paid for and not yet kept
        than there are slots.

        Raises:
            RequestError: given up, and it was this request's fault.
            AskingError: nothing more can be asked.
        """
        try:
            reply = await self.replies.find(request.key)
            if reply is not None:
                return reply
            async with self._outage.watch(), self._slots:
                self._check()
                # Before the first request that is paid: nobody has to be there when there is none.
                self._greeting = self._greeting or asyncio.ensure_future(self._greet())
                await self._greeting
                return await self._paid(request)
        except AskingError as reason:
            self.stop(reason)
            raise
        except RequestError:
            self._check()
            raise

    def stop(self, reason: AskingError) -> None:
        """Start no request any more, nor a retry; those in flight end as they do."""
        self._reason = self._reason or reason
        self._stopping.set()

    async def _greet(self) -> None:
        """Whether anybody is at the address, and takes the key.

        Raises:
            AskingError: nobody, the key is refused, or the address redirects elsewhere.
        """
        try:
            await self._endpoint.greet(_GREETING)
        except openai.APIStatusError as error:
            if error.status_code < 400 or error.status_code in (401, 403):
                raise meaning(error, self._key) from None
        except openai.OpenAIError as error:
            failure = meaning(error, self._key)
            if isinstance(failure, RequestError) and failure.unreachable:
                raise AskingError(
                    f"nobody answers at {self._settings.base_url} ({failure}); next: start the "
                    "server, or check --endpoint"
                ) from None

    async def aclose(self) -> None:
        """Wait for what is in flight, then close the connections."""
        self.stop(AskingError("broken off; next: the same command goes on from here"))
        for _ in range(self._settings.concurrency):
            await self._slots.acquire()
        await self._endpoint.close()

    async def _paid(self, request: Request) -> Reply:
        async with self._budget.reserved(request) as estimate:
            self._pace.tokens = estimate.tokens
            begin = perf_counter()
            try:
                reply = await self._endpoint.complete(request)
            except openai.OpenAIError as error:
                raise meaning(error, self._key) from None
            except asyncio.CancelledError:
                self._check()
                raise
            cost = self._settings.price.of(reply.prompt_tokens or 0, reply.completion_tokens or 0)
            told = reply.prompt_tokens is not None  # else: the most that it can have cost
            reply = replace(
                reply,
                text=scrubbed(reply.text, self._key),
                cost=cost if told else estimate.cost,
                seconds=round(perf_counter() - begin, 3),
            )
            self._budget.learn(reply)
            await self.replies.keep(request, reply)
            return reply

    async def _before_each(self) -> None:
        """Before every try: wait for its turn; once the run stops, call it off."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), self._pace.turn())
        if self._stopping.is_set():
            raise asyncio.CancelledError  # openai's client would try again after any other error

    def _check(self) -> None:
        if self._reason is not None:
            raise self._reason


@contextmanager
def asking(
    settings: EndpointSettings,
    table: Path,
    more: str = "",
    make_endpoint: Callable[..., Any] = Endpoint,
) -> Iterator[tuple[BlockingPortal, Asker]]:
    """An event loop in a thread of its own, and an asker inside it; any thread may use it.

    On leaving, also by Ctrl-C, no request begins any more, and the replies to those in flight are
    kept. `more` is SQL of further tables in the file.

    Raises:
        AskingError: the table cannot be used, or the key is none.
    """
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_asker(settings, table, more, make_endpoint)) as asker,
    ):
        yield portal, asker


@asynccontextmanager
async def _asker(
    settings: EndpointSettings, table: Path, more: str, make_endpoint: Callable[..., Any]
) -> AsyncIterator[Asker]:
    with closing(Replies(table, more)) as replies:
        answered = (await replies.spent()).requests
        async with aclosing(Asker(settings, replies, answered, make_endpoint)) as asker:
            yield asker
