"""How fast requests may start: so many a minute, so many tokens a minute, and pauses."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """Spaces requests evenly, so that no minute ever holds more than is allowed.

    A request's tokens are an estimate when it starts and are put right when its reply is there.
    """

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None) -> None:
        self._request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._free = self._paused = 0.0

    async def turn(self, tokens: int, sleep: Sleep = asyncio.sleep) -> None:
        """Wait until a request of about so many tokens may start."""
        start = max(monotonic(), self._free)
        self._free = start + max(self._request, tokens * self._token)
        while (wait := max(start, self._paused) - monotonic()) > 0:
            await sleep(wait)

    def correct(self, surplus: int) -> None:
        """A request took `surplus` tokens more than estimated (fewer when negative)."""
        self._free += surplus * self._token

    def pause(self, seconds: float) -> None:
        """Nothing starts for so long, as an endpoint asks with Retry-After."""
        self._paused = max(self._paused, monotonic() + seconds)
