"""What may be spent: checked before a request starts, against the most that it can cost."""

import asyncio
from dataclasses import dataclass
from typing import Final

from tag_plugin.pipeline.write.attempts import Spent
from tag_plugin.pipeline.write.request import Reply, Request, StoppedError
from tag_plugin.pipeline.write.settings import WriterSettings

_PICTURE_TOKENS: Final = 1600
"""A face frame, until a reply has told what it really takes."""
_ANSWER_TOKENS: Final = 4096
"""The longest reply, when `parameters` do not say."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An upper estimate of a request's tokens and cost."""

    tokens: int
    cost: float


class Budget:
    """Counts what was spent and what requests in flight may still cost."""

    def __init__(self, settings: WriterSettings, spent: Spent) -> None:
        self._limits = settings.budget
        self._price = settings.price
        named = (settings.parameters.get(n) for n in ("max_tokens", "max_completion_tokens"))
        self._answer = next((each for each in named if each), _ANSWER_TOKENS)
        self._prompt = 0
        self._flying: list[Estimate] = []
        self._settled = asyncio.Event()
        self.spent = spent

    def estimate(self, request: Request) -> Estimate:
        """The most that a request should come to."""
        prompt = self._prompt or len(request.prompt) // 3 + _PICTURE_TOKENS
        return Estimate(prompt + self._answer, self._price.of(prompt, self._answer))

    async def reserve(self, estimate: Estimate) -> None:
        """Set money aside for a request; waits while requests in flight might leave enough.

        Raises:
            StoppedError: the budget is spent.
        """
        while not self._fits(estimate):
            if not self._flying:
                raise StoppedError(
                    f"the budget is spent: {self._summary()}; next: the same command with a larger "
                    "budget goes on from here"
                )
            self._settled.clear()
            await self._settled.wait()
        self._flying.append(estimate)

    def release(self, estimate: Estimate, reply: Reply | None) -> None:
        """A request has ended, with or without a reply."""
        self._flying.remove(estimate)
        self._settled.set()
        if reply is None:
            return
        tokens = (reply.prompt_tokens or 0) + (reply.completion_tokens or 0)
        self._prompt = max(self._prompt, reply.prompt_tokens or 0)
        self.spent = Spent(
            self.spent.requests + 1, self.spent.tokens + tokens, self.spent.cost + reply.cost
        )

    def _fits(self, estimate: Estimate) -> bool:
        requests = self.spent.requests + len(self._flying) + 1
        tokens = self.spent.tokens + sum(each.tokens for each in self._flying) + estimate.tokens
        cost = self.spent.cost + sum(each.cost for each in self._flying) + estimate.cost
        limits = self._limits
        return (
            (limits.requests is None or requests <= limits.requests)
            and (limits.tokens is None or tokens <= limits.tokens)
            and (limits.cost is None or cost <= limits.cost)
        )

    def _summary(self) -> str:
        spent, limits = self.spent, self._limits
        parts = [
            f"{spent.requests} requests" + (f" of {limits.requests}" if limits.requests else ""),
            f"{spent.tokens} tokens" + (f" of {limits.tokens}" if limits.tokens else ""),
            f"cost {spent.cost:.4f}" + (f" of {limits.cost}" if limits.cost else ""),
        ]
        return f"{', '.join(parts)}, and the next request may not fit"
