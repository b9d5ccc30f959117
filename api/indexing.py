"""The task of a serving node that keeps its index up to date: it never ends silently, and stops when told."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.node import Node
from index.engines.tantivy import EngineBusy
from index.sync import sync

log = structlog.get_logger()

SYNC_EVERY = 0.5
"""Seconds between looks at the store's revision; a record is searchable well within 5 s."""

PAUSES = (1.0, 5.0, 30.0)
"""Seconds before another try when the index cannot be written: a full disk takes somebody to make room."""

UNWRITABLE = (SQLAlchemyError, OSError, ValueError, RuntimeError)
"""What store and engine raise that cannot be read or written; Tantivy's own errors are ValueErrors."""


class Stopped(Exception):  # the name says what it is
    """The node ends; what was committed stays, and the next start goes on from there."""


class Indexing:
    """Brings the index of a node up to date for ever, unless another process does so."""

    def __init__(self, node: Node) -> None:
        self._node, self._stop, self._failures, self._told = node, asyncio.Event(), 0, 0

    async def run(self) -> None:
        """Index until stopped. A failure is logged, told by /readyz, and tried again."""
        while not self._stop.is_set():
            pause = SYNC_EVERY
            try:
                await self._catch_up()
                self._recovered()
                self._nudge()
            except Stopped:
                return
            except UNWRITABLE as error:
                pause = self._failed(error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    def stop(self) -> None:
        """End after the batch under way: a minute's work of indexing must not hold up Ctrl-C."""
        self._stop.set()

    async def _catch_up(self) -> None:
        try:
            if self._node.engine.revision() != self._node.store.revision():
                await asyncio.to_thread(sync, self._node.store, self._node.engine, self._watch)
        except EngineBusy:
            log.debug("another process keeps the index up to date")

    def _watch(self, _done: int, _all: int) -> None:
        if self._stop.is_set():
            raise Stopped

    def _recovered(self) -> None:
        if self._failures:
            log.info("the index is written again", failures=self._failures)
        self._failures, self._node.unindexed = 0, None

    def _nudge(self) -> None:
        """Let subscribers be told of what came in, whoever indexed it."""
        reached = self._node.engine.revision()
        if self._node.herald is not None and reached != self._told:
            self._told = reached
            self._node.herald.nudge()

    def _failed(self, error: Exception) -> float:
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        self._node.unindexed = f"{type(error).__name__}: {error}"
        log.error("the index cannot be brought up to date", error=str(error), next_try_seconds=pause)
        return pause
