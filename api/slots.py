"""Room for long work: exports and certificates have threads of their own; no search waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from aiohttp import web

from api.problem import Problem

Value = TypeVar("Value")

AGAIN_AFTER = 30
"""Seconds after which somebody who found no room may ask again; an export of 500,000 rows is done by then."""


class Slots:
    """So many pieces of long work at once; further ones are refused, as a queue would only time out."""

    def __init__(self, most: int) -> None:
        self.most, self._taken = most, 0
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="export")

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a slot while the block runs.

        Raises:
            Problem: all are taken.
        """
        if self._taken >= self.most:
            message = f"{self.most} exports are under way, as many as this node does at once; try again later"
            raise Problem(503, "Busy", message, retry_after=AGAIN_AFTER)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def off_loop(self, work: Callable[..., Value], *args: object) -> Value:
        """Do a part of the work in a thread; a slot must be held."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    async def run(self, work: Callable[..., Value], *args: object) -> Value:
        """Do work whole, in a slot of its own.

        Raises:
            Problem: all are taken.
        """
        with self.taken():
            return await self.off_loop(work, *args)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


SLOTS: web.AppKey[Slots] = web.AppKey("slots", Slots)
