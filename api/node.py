"""What the handlers share: the catalogue, the threads that search, and how fresh each source is."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from api.clients import Clients
from api.problem import Problem
from index.engines import Engine
from index.help import Helper
from index.proofs import Proof, newest
from index.search import Catalogue
from index.store import SourceState, Store

if TYPE_CHECKING:
    from api.admin import Admin
    from api.herald import Herald
    from api.thumbnails import Thumbnails

Value = TypeVar("Value")

FRESH_FOR = 1.0
"""Seconds for which the sources' states are taken as read; a search must not wait for them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a node may fall short by and still call itself ready."""

    behind: int = 50_000
    """Revisions the index may be behind; beyond, answers would miss much of what was harvested."""
    behind_seconds: float = 300.0
    free_bytes: int = 0
    """Of the disk under the data folder; a harvest that fills it loses its run, not its store."""


@dataclass(slots=True)
class Node:
    """One serving node."""

    store: Store
    engine: Engine
    public_url: str | None = None
    threads: int = 0
    queue: int = 256
    limits: Limits = field(default_factory=Limits)
    herald: Herald | None = None
    """Tells subscribers, where the operator lets others subscribe."""
    thumbnails: Thumbnails | None = None
    """Fetches pictures; None where the operator wants none."""
    admin: Admin | None = None
    """What operating by hand needs; None where the operator set no token."""
    clients: Clients = field(default_factory=Clients)
    exports: int = 2
    unindexed: str | None = field(default=None, init=False)
    """Why the index cannot be brought up to date, as long as it cannot."""
    search_seconds: float | None = None
    """After which a search begins no further facet; None for no limit."""
    started: float = field(default_factory=time.time)
    catalogue: Catalogue = field(init=False)
    helper: Helper = field(init=False)
    _pool: ThreadPoolExecutor = field(init=False)
    _waiting: int = 0
    _states: tuple[float, dict[str, SourceState]] = (0.0, {})
    _proofs: tuple[float, dict[str, Proof]] = (0.0, {})

    def __post_init__(self) -> None:
        self.catalogue = Catalogue(self.store, self.engine, self.search_seconds)
        self.helper = Helper(self.catalogue)
        self.threads = self.threads or os.cpu_count() or 2
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="search")

    async def off_loop(self, work: Callable[..., Value], *args: object) -> Value:
        """Do something slow in a thread; the engine lets go of the interpreter while it searches.

        Raises:
            Problem: too many wait already.
        """
        if self._waiting >= self.queue:
            raise Problem(503, "Busy", "too many searches wait; try again in a second", retry_after=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        finally:
            self._waiting -= 1

    @property
    def searching(self) -> int:
        """Answer how many searches are under way or wait."""
        return self._waiting

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def states(self) -> dict[str, SourceState]:
        """Answer how it stands with each source, a second old at most."""
        read_at, states = self._states
        if time.monotonic() - read_at > FRESH_FOR:
            states = self.store.source_states()
            self._states = time.monotonic(), states
        return states

    def title(self, source: str) -> str:
        """Answer what a repository calls itself; the source's name where its card does not tell."""
        state = self.states().get(source)
        return (state.card.get("title") if state else None) or source

    def proofs(self) -> Mapping[str, Proof]:
        """Answer how complete each source was found to be, a second old at most."""
        read_at, proofs = self._proofs
        if time.monotonic() - read_at > FRESH_FOR:
            proofs = newest(self.store)
            self._proofs = time.monotonic(), proofs
        return proofs

    def freshness(self) -> Mapping[str, Mapping[str, str | None]]:
        """Answer what every search answer says of the sources."""
        proofs = self.proofs()
        return {
            name: {
                "fresh_at": state.fresh_at,
                "state": state.last_state,
                "origin": state.origin,
                "completeness": proofs[name].in_words() if name in proofs else None,
            }
            for name, state in self.states().items()
        }

    def warnings(self) -> list[str]:
        """Say what a reader of any answer should know."""
        states = self.states().values()
        replicas = ", ".join(state.name for state in states if state.origin == "replica")
        told = (
            [f"origin: replica - {replicas}: read from replicas, not from the upstreams"] if replicas else []
        )
        return told + [
            f"the last harvest of {state.name} ended {state.last_state}"
            + (f": {state.last_error}" if state.last_error else "")
            for state in states
            if state.last_state not in {"complete", "running", None}
        ]

    def base(self, request: web.Request) -> str:
        """Answer the address under which the node is reached."""
        return self.public_url or f"{request.scheme}://{request.host}"


NODE: web.AppKey[Node] = web.AppKey("node", Node)


def age(stamp: str | None) -> str:
    """Say how old a moment is, in words."""
    if stamp is None:
        return "never"
    passed = datetime.now(UTC) - datetime.fromisoformat(stamp)
    return f"{lasting(passed)} ago" if passed >= timedelta(minutes=1) else "just now"


def lasting(time: timedelta) -> str:
    """Say how long something lasts, in words."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(time.total_seconds() // length)
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
