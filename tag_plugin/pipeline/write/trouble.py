"""Whose fault it is when a request gets no reply: the row's or the endpoint's.

A row is dropped only when the endpoint answers others; when it answers nobody the run stops, and
no row is lost.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tag_plugin.pipeline.write.request import RequestError, StoppedError

GIVEN_UP_IN_A_ROW: Final = 8
"""So many requests given up one after the other, with no reply between, stop the run."""


class Trouble:
    """Counts replies and requests given up; `answered` are the replies of earlier runs."""

    def __init__(self, where: str, answered: int = 0) -> None:
        self._where = where
        self._answered = answered
        self._in_a_row = 0
        self._active = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[None]:
        """Around one request, from the wish to the reply.

        A `RequestError` comes through when it was the row's fault: another row was answered
        since, or the endpoint refused this one (again: no) and has answered others before.

        Raises:
            StoppedError: it was the endpoint's.
        """
        self._active += 1
        try:
            yield
        except RequestError as failure:
            self._active -= 1
            await self._decide(failure)
            raise
        except BaseException:
            self._active -= 1
            await self._tell()
            raise
        self._active -= 1
        self._answered += 1
        self._in_a_row = 0
        await self._tell()

    async def _decide(self, failure: RequestError) -> None:
        if not failure.again and self._answered:
            return
        self._in_a_row += 1
        before = self._answered
        await self._tell()
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_decided(before))
        if self._answered > before:
            return
        if self._in_a_row >= GIVEN_UP_IN_A_ROW or failure.unreachable:
            raise StoppedError(
                f"{self._where} answers no request ({failure}); no row is lost; next: see to it, "
                "and run the same command again"
            )

    def _is_decided(self, before: int) -> bool:
        alone = self._active == 0
        return alone or self._answered > before or self._in_a_row >= GIVEN_UP_IN_A_ROW

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
