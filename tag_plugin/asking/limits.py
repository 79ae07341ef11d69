"""What may be spent, and how fast: a request is weighed before it starts, at its most."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final, NamedTuple

from tag_plugin.asking.request import AskingError, Reply, Request
from tag_plugin.asking.settings import EndpointSettings

_PICTURE_TOKENS: Final = 1600
"""A face frame, until a reply has told what it really takes."""


class Spent(NamedTuple):
    """What replies come to, or the most that a request can."""

    requests: int = 0
    tokens: int = 0
    cost: float = 0.0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(
            self.requests + other.requests, self.tokens + other.tokens, self.cost + other.cost
        )


class Budget:
    """Weighs what was spent, and what requests in flight may still cost, against the limits."""

    def __init__(self, settings: EndpointSettings, spent: Callable[[], Awaitable[Spent]]) -> None:
        budget = settings.budget
        self._limits = (budget.requests, budget.tokens, budget.cost)
        self._settings = settings
        self._spent = spent
        self._longest_prompt = 0
        self._flying: list[Spent] = []
        self._landed = asyncio.Event()

    def estimate(self, request: Request) -> Spent:
        """The most that a request should come to."""
        prompt = self._longest_prompt or len(request.prompt) // 3 + _PICTURE_TOKENS
        answer = self._settings.longest_answer
        return Spent(1, prompt + answer, self._settings.price.of(prompt, answer))

    def learn(self, reply: Reply) -> None:
        """How long prompts are."""
        self._longest_prompt = max(self._longest_prompt, reply.prompt_tokens or 0)

    @asynccontextmanager
    async def reserved(self, request: Request) -> AsyncIterator[Spent]:
        """Around a request, until its reply is in the table; gives the most that it should cost.

        Waits while requests in flight may leave enough.

        Raises:
            AskingError: the budget is spent.
        """
        while not self._fits(spent := await self._spent(), estimate := self.estimate(request)):
            if not self._flying:
                raise AskingError(
                    f"the budget is spent: {self._summary(spent)}; next: the same command with a "
                    "larger budget goes on from here"
                )
            self._landed.clear()
            await self._landed.wait()
        self._flying.append(estimate)
        try:
            yield estimate
        finally:
            self._flying.remove(estimate)
            self._landed.set()

    def _fits(self, spent: Spent, estimate: Spent) -> bool:
        for each in (estimate, *self._flying):
            spent = spent.plus(each)
        limits = zip(spent, self._limits, strict=True)
        return all(limit is None or value <= limit for value, limit in limits)

    def _summary(self, spent: Spent) -> str:
        values = (f"{spent.requests} requests", f"{spent.tokens} tokens", f"cost {spent.cost:.4f}")
        parts = (
            f"{value} of {limit}" if limit else value
            for value, limit in zip(values, self._limits, strict=True)
        )
        return f"{', '.join(parts)}, and the next request may not fit"


class Pace:
    """Spaces tries evenly, so that no minute ever holds more requests or tokens than is allowed."""

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None) -> None:
        self._request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._free = 0.0
        self.tokens = 0
        """What the next one will take, as far as is known."""

    def turn(self) -> float:
        """Take the next turn: the seconds until it comes."""
        now = monotonic()
        start = max(now, self._free)
        self._free = start + max(self._request, self.tokens * self._token)
        return start - now
