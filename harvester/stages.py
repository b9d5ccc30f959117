"""A chain of stages, each at work on its own item while the others are at work on theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

AHEAD = 2
"""Pages that may wait between two stages; more would only fill memory."""


class OnTheWay:
    """Counts pages that were kept and whose records are not stored yet."""

    def __init__(self) -> None:
        self.count = 0
        self.none = asyncio.Event()
        self.none.set()

    def set_out(self) -> None:
        self.count += 1
        self.none.clear()

    def arrived(self) -> None:
        self.count -= 1
        if self.count == 0:
            self.none.set()

    async def all_arrived(self) -> None:
        await self.none.wait()


async def ahead(items: AsyncIterator[Item]) -> AsyncGenerator[Item, None]:
    """Make the next items while earlier ones are being used; an error comes after what came before it."""
    queue: asyncio.Queue[Item | _Ended] = asyncio.Queue(AHEAD)

    async def make() -> None:
        try:
            async for item in items:
                await queue.put(item)
            await queue.put(_Ended(None))
        except Exception as error:  # noqa: BLE001  # carried over to the consumer, which raises it
            await queue.put(_Ended(error))
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    task = asyncio.create_task(make())
    try:
        while not isinstance(item := await queue.get(), _Ended):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@dataclass(frozen=True, slots=True)
class _Ended:
    error: Exception | None
