"""Whose fault it is when a request gets no reply: the row's or the endpoint's.

A row is dropped only when the endpoint answers others; when it answers nobody the run stops, and
no row is lost.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tag_plugin.asking.request import AskingError, RequestError

GIVEN_UP_IN_A_ROW: Final = 8
"""So many requests given up one after the other, with no reply between, stop the run."""


class Outage:
    """Counts replies and requests given up; `answered` are the replies of earlier runs."""

    def __init__(self, where: str, answered: int = 0) -> None:
        self._where = where
        self._answered = answered
        self._in_a_row = 0
        self._active = self._waiting = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[None]:
        """Around one request, from the wish to the reply.

        A `RequestError` comes through when it was the row's fault: another row was answered
        since, or the endpoint refused this one (again: no) and has answered others before.

        Raises:
            AskingError: it was the endpoint's.
        """
        self._active += 1
        try:
            yield
            self._answered, self._in_a_row = self._answered + 1, 0
        except RequestError as failure:
            if failure.again or not self._answered:
                await self._decide(failure)
            raise
        finally:
            self._active -= 1
            await self._tell()

    async def _decide(self, failure: RequestError) -> None:
        before = self._answered
        self._in_a_row += 1
        self._waiting += 1
        await self._tell()
        async with self._changed:  # until another is answered, too many are not, or none is left
            await self._changed.wait_for(
                lambda: self._answered > before or self._many or self._active == self._waiting
            )
        self._waiting -= 1
        if self._answered == before and (self._many or failure.unreachable):
            raise AskingError(
                f"{self._where} answers no request ({failure}); no row is lost; next: see to it, "
                "and run the same command again"
            ) from None

    @property
    def _many(self) -> bool:
        return self._in_a_row >= GIVEN_UP_IN_A_ROW

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
