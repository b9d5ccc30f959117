"""Stop asking a host that fails again and again; after a while one request tries whether it answers.

All requests of all processes count, one success forgets every failure, and each trial that fails doubles the
pause. Being told to slow down is no failure.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from harvester.errors import Unavailable
from harvester.hosts import Host, Hosts


@dataclass(frozen=True, slots=True)
class Terms:
    """When to stop, and for how long."""

    failures: int = 8
    """In a row. Two questions, each asked four times, make eight."""
    pause: float = 60.0
    """Seconds of the first pause."""
    longest: float = 1800.0
    """Seconds of the longest one."""
    trial: float = 75.0
    """Seconds a trial may take before another may be made: who made it may have died."""


class Breaker:
    """Opens and closes the way to hosts."""

    def __init__(self, hosts: Hosts, terms: Terms) -> None:
        self.hosts, self.terms = hosts, terms

    async def pass_(self, host: str) -> None:
        """Go on, or not.

        Raises:
            Unavailable: the host failed too often; the text says until when it is left alone.
        """
        shut = await self.hosts.change(host, self._enter)
        if shut is not None:
            until = datetime.now(UTC) + timedelta(seconds=shut.shut_until - time.monotonic())
            raise Unavailable(
                f"{host} failed {shut.failures} times in a row and is left alone until {until:%H:%M:%S} UTC",
                hint=f"the last time: {shut.said}",
            )

    async def failed(self, host: str, said: str) -> None:
        """Count a failure."""
        await self.hosts.change(host, lambda known, now: (self._count(known, now, said), None))

    async def worked(self, host: str) -> None:
        """Forget all failures."""
        if self.hosts.known(host).failures:
            await self.hosts.change(
                host,
                lambda known, _: (Host(next_at=known.next_at, held_until=known.held_until), None),
            )

    def _enter(self, known: Host, now: float) -> tuple[Host, Host | None]:
        if not known.shut_for:
            return known, None
        if now < known.shut_until:
            return known, known
        return replace(known, shut_until=now + self.terms.trial, probing=True), None

    def _count(self, known: Host, now: float, said: str) -> Host:
        counted = replace(known, failures=known.failures + 1, said=said[:200], probing=False)
        is_open = now < known.shut_until and not known.probing  # those were on their way when it opened
        if counted.failures < self.terms.failures or is_open:
            return counted
        pause = min(self.terms.longest, max(self.terms.pause, 2 * known.shut_for))
        spread = random.uniform(0.9, 1.0)  # noqa: S311  # so that nodes do not come back all at once
        return replace(counted, shut_for=pause, shut_until=now + pause * spread)
