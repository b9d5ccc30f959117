"""How patient we are with an upstream, and what a run may cost it and us."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from harvester.breaker import Terms
from harvester.errors import Unavailable

LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes. The largest page seen is 1.2 MB (1,000 Figshare articles); the rest is room for growth."""
LARGEST_DOWNLOAD: Final = 200 * 1024**3
"""Bytes. Zenodo's dump of everything had 8 GB in September 2025."""
LONGEST_WAIT: Final = 120.0
"""Seconds we wait on an upstream's word. Zenodo's windows are 60 s; beyond, a later run goes on."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How long to wait for what; seconds. Tests shorten them, operators may lengthen them."""

    attempts: int = 4
    first_backoff: float = 2.0
    """The longest first wait; each next may be twice as long."""
    longest_wait: float = LONGEST_WAIT
    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0
    largest: int = LARGEST_ANSWER
    """Bytes of an answer, as it comes and unpacked."""
    largest_download: int = LARGEST_DOWNLOAD
    slowest: int = 1024
    """Bytes a second, below which a download counts as broken off: each byte alone would come in time."""
    retries: int = 50
    """In a run, and one more for every ten requests: a long harvest meets more faults than a short one."""
    waiting: float = 900.0
    """Seconds in a run spent waiting after faults, and one more for every request."""
    breaker: Terms = field(default_factory=Terms)

    def backoff(self, attempt: int) -> float:
        """Answer the wait after a failed attempt: anything up to twice as long as the time before.

        With full jitter those who failed together do not come back together (M. Brooker, AWS, 2015).
        """
        return random.uniform(0, min(self.longest_wait, self.first_backoff * 2 ** (attempt - 1)))  # noqa: S311


@dataclass(slots=True)
class Traffic:
    """What a run cost the upstream and us."""

    requests: int = 0
    bytes: int = 0
    """As they came over the wire."""
    retries: int = 0
    waited: float = 0.0
    """Seconds, for our turn and after faults."""
    unchanged: int = 0
    """Answers that said 304: what we keep is still what they have."""
    patience: float = 0.0
    """Seconds of `waited` that were spent after faults."""

    def spend(self, wait: float, manners: Manners, url: str, why: str) -> None:
        """Count one more attempt and the wait before it.

        Raises:
            Unavailable: the run has had its share of both.
        """
        most = manners.retries + self.requests // 10, manners.waiting + self.requests
        if self.retries >= most[0] or self.patience + wait > most[1]:
            raise Unavailable(
                f"{why}; this run's patience is spent: {self.retries} attempts more and "
                f"{self.patience:.0f} s of waiting in {self.requests} requests",
                url=url,
                hint="a later run goes on here",
            )
        self.retries += 1
        self.patience += wait
        self.waited += wait
