"""One pace per host, for all sources on it and all processes on one data folder.

Who wants to ask takes the next free moment and waits for it; nobody waits who is alone. A host that names a
pause (Retry-After, an allowance that runs out) holds up everybody, those who wait already too.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from harvester.errors import Unavailable
from harvester.hosts import FARTHEST, Host, Hosts


class Pace:
    """Lets requests through, one after the other."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self._queues: dict[str, asyncio.Lock] = {}

    async def turn(self, host: str, pace: float, longest: float) -> float:
        """Wait for one's turn.

        Args:
            host: whom to ask.
            pace: seconds between two requests to it.
            longest: seconds; who would have to wait longer for a host's word does not wait at all.

        Returns:
            Seconds waited.

        Raises:
            Unavailable: the host wants to be left alone for longer.
        """
        began = time.monotonic()
        async with self._queues.setdefault(host, asyncio.Lock()):
            wait = await self.hosts.change(host, lambda known, now: _take(known, now, pace, longest))
            while wait > 0:
                await asyncio.sleep(wait)
                wait = await self.hosts.change(host, lambda known, now: _go(known, now, pace, longest))
        if wait < 0:
            until = datetime.now(UTC) + timedelta(seconds=-wait)
            raise Unavailable(
                f"{host} wants to be left alone until {until:%H:%M:%S} UTC",
                hint="a later run goes on here",
            )
        return time.monotonic() - began

    async def hold(self, host: str, seconds: float) -> None:
        """Ask a host no sooner than in so many seconds."""

        def step(known: Host, now: float) -> tuple[Host, None]:
            return replace(known, held_until=max(known.held_until, now + min(seconds, FARTHEST))), None

        if seconds > 0:
            await self.hosts.change(host, step)


def _take(known: Host, now: float, pace: float, longest: float) -> tuple[Host, float]:
    """Take the next free moment; answer the seconds until then, below zero when they are too many."""
    if known.held_until - now > longest:
        return known, now - known.held_until
    at = max(now, known.next_at, known.held_until)
    return replace(known, next_at=at + pace), at - now


def _go(known: Host, now: float, pace: float, longest: float) -> tuple[Host, float]:
    """Answer how long a pause that began meanwhile still lasts; a turn begun late moves the next one."""
    if (left := known.held_until - now) > 0:
        return known, left if left <= longest else -left
    return replace(known, next_at=max(known.next_at, now + pace)), 0.0
