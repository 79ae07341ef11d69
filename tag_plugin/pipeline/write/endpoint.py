"""Asking a client politely: slots, pace, budget, retries with back-off, and a clean stop."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import perf_counter
from typing import Final, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from tag_plugin.pipeline.write.attempts import Spent
from tag_plugin.pipeline.write.budget import Budget, Estimate
from tag_plugin.pipeline.write.pace import Pace
from tag_plugin.pipeline.write.request import Client, Reply, Request, RequestError, StoppedError
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.trouble import Trouble

LONGEST_BACKOFF: Final = 60.0
LONGEST_WAIT: Final = 900.0
"""An endpoint that asks for a longer pause (seconds) ends the run instead."""

OnFailure = Callable[[RequestError], None]
Result = TypeVar("Result")


class Endpoint:
    """A client with everything around it; made and used inside one event loop."""

    def __init__(self, client: Client, settings: WriterSettings, spent: Spent) -> None:
        self._client = client
        self._settings = settings
        self._budget = Budget(settings, spent)
        self._pace = Pace(settings.requests_per_minute, settings.tokens_per_minute)
        self._trouble = Trouble(settings.base_url or settings.model, spent.requests)
        self._slots = asyncio.Semaphore(settings.slots)
        self._stopping = asyncio.Event()
        self._reason: StoppedError | None = None

    async def complete(
        self,
        request: Request,
        keep: Callable[[Reply], Awaitable[Result]],
        on_failure: OnFailure,
    ) -> Result:
        """What `keep` makes of the reply; each failed try is told to `on_failure`.

        The reply comes with its cost and seconds. Its slot is free again when `keep` has returned:
        at no time are more replies paid for and not yet kept than there are slots.

        Raises:
            RequestError: given up, and it was this request's fault.
            StoppedError: the run ends.
        """
        try:
            async with self._trouble.watch():
                return await self._retrying()(self._once, request, keep, on_failure)
        except StoppedError as stopped:
            self.stop(stopped)
            raise
        except RequestError:
            self._check()
            raise

    @property
    def spent(self) -> Spent:
        """What the journal's replies come to, those of this run included."""
        return self._budget.spent

    def stop(self, reason: StoppedError) -> None:
        """Start no request any more; those in flight end as they do."""
        self._reason = self._reason or reason
        self._stopping.set()

    async def _once(
        self,
        request: Request,
        keep: Callable[[Reply], Awaitable[Result]],
        on_failure: OnFailure,
    ) -> Result:
        async with self._slots:
            self._check()
            estimate = self._budget.estimate(request)
            await self._budget.reserve(estimate)
            reply = None
            try:
                await self._pace.turn(estimate.tokens, self._sleep)
                reply = await self._ask(request, estimate)
            except RequestError as failure:
                on_failure(failure)
                self._honour(failure)
                raise
            finally:
                self._budget.release(estimate, reply)
            self._pace.correct(_tokens(reply) - estimate.tokens)
            return await keep(reply)

    async def _ask(self, request: Request, estimate: Estimate) -> Reply:
        begin = perf_counter()
        reply = await self._client.ask(request)
        seconds = round(perf_counter() - begin, 3)
        if reply.prompt_tokens is None:  # not told: the most that it can have cost
            return replace(reply, cost=estimate.cost, seconds=seconds)
        cost = self._settings.price.of(reply.prompt_tokens, reply.completion_tokens or 0)
        return replace(reply, cost=cost, seconds=seconds)

    def _honour(self, failure: RequestError) -> None:
        """What an endpoint asks for with Retry-After holds for every request."""
        if failure.wait is None:
            return
        if failure.wait > LONGEST_WAIT:
            raise StoppedError(
                f"the endpoint asks to wait {failure.wait:.0f} seconds ({failure}); no row is "
                "lost; next: run the same command again then"
            )
        self._pace.pause(failure.wait)

    def _check(self) -> None:
        if self._reason is not None:
            raise self._reason

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
        self._check()

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            stop=stop_after_attempt(self._settings.request_retries + 1),
            wait=self._wait,
            retry=retry_if_exception(_worth_repeating),
            sleep=self._sleep,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        """Full jitter over a doubling time, or what the endpoint asked for where that is longer."""
        growing = wait_random_exponential(self._settings.backoff, LONGEST_BACKOFF)(state)
        failure = _failure(state)
        return max(growing, (failure.wait or 0.0) if failure else 0.0)


def _failure(state: RetryCallState) -> RequestError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, RequestError) else None


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, RequestError) and error.again


def _tokens(reply: Reply) -> int:
    return (reply.prompt_tokens or 0) + (reply.completion_tokens or 0)
