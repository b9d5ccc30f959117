"""What all sources and all processes on one data folder know of the hosts they ask.

One row for each host in a small SQLite file; a change is one short transaction, so a process that dies leaves
the row as it was before or after. The file can be deleted at any time. Where it cannot be used (a full disk,
a broken file) each process goes on alone with what it knows.

Moments are `time.monotonic()`, which Python counts the same in all processes of a machine: no clock that is
set right, wrong or back can make a harvest hasten or wait. It starts anew with the machine; what a row says
of moments too far ahead was written before, and is forgotten.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import structlog

log = structlog.get_logger()

Told = TypeVar("Told")

FARTHEST = 3600.0
"""Seconds ahead that a row may speak of. Who wants to be left alone for longer is asked after an hour."""
PATIENCE = 2.0
"""Seconds to wait for another process's transaction, which takes a thousandth of one."""


@dataclass(frozen=True, slots=True)
class Host:
    """What is known of a host; moments are seconds of `time.monotonic()`."""

    next_at: float = 0.0
    """The next free moment to ask it."""
    held_until: float = 0.0
    """Until when it wants to be left alone."""
    failures: int = 0
    """How often in a row it failed."""
    shut_until: float = 0.0
    """Until when nobody asks it because of that."""
    shut_for: float = 0.0
    """Seconds of the present pause; 0 when there is none."""
    probing: bool = False
    """Whether somebody is trying if it answers again."""
    said: str = ""
    """How it failed the last time."""

    def since_boot(self, now: float) -> Host:
        """Forget moments that can only belong to the time before the machine was started again."""
        ahead = max(self.next_at, self.held_until, self.shut_until) - now
        return self if ahead <= FARTHEST + 60 else Host()


Step = Callable[[Host, float], tuple[Host, Told]]
"""From what is known and the present moment to what is known now, and something to tell."""

_NAMES = [field.name for field in fields(Host)]
_CREATE = f"CREATE TABLE IF NOT EXISTS hosts (host TEXT PRIMARY KEY, {', '.join(_NAMES)}) WITHOUT ROWID"
_READ = f"SELECT {', '.join(_NAMES)} FROM hosts WHERE host = ?"  # noqa: S608  # names of our own
_WRITE = f"REPLACE INTO hosts VALUES (?{', ?' * len(_NAMES)})"  # noqa: S608  # places of our own


class Hosts:
    """The rows. Safe to use from several threads and processes."""

    def __init__(self, file: Path | None = None) -> None:
        """Keep them in a file, or without one in memory."""
        self.file = file
        self._known: dict[str, Host] = {}
        self._lock = threading.Lock()
        self._is_alone = False
        self._connection: sqlite3.Connection | None = None

    async def change(self, host: str, step: Step[Told]) -> Told:
        """Change what is known of a host in one transaction; answer what the step tells."""
        if self.file is None:
            return self._apart(host, step)
        return await asyncio.to_thread(self._shared, host, step)

    def known(self, host: str) -> Host:
        """Answer what this process knew last of a host."""
        return self._known.get(host, Host())

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _apart(self, host: str, step: Step[Told]) -> Told:
        now = time.monotonic()
        self._known[host], told = step(self.known(host).since_boot(now), now)
        return told

    def _shared(self, host: str, step: Step[Told]) -> Told:
        with self._lock:
            try:
                return self._in_transaction(host, step)
            except sqlite3.Error as error:
                if not self._is_alone:
                    log.warning("hosts are paced by this process alone", file=str(self.file), why=str(error))
                self._is_alone = True
                self._begin_anew_if_broken(error)
                return self._apart(host, step)

    def _in_transaction(self, host: str, step: Step[Told]) -> Told:
        if self._connection is None:
            self._connection = _opened(self.file)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            row = connection.execute(_READ, (host,)).fetchone()
            now = time.monotonic()
            known = Host(*row).since_boot(now) if row else Host()
            after, told = step(replace(known, probing=bool(known.probing)), now)
            connection.execute(_WRITE, (host, *astuple(after)))
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._known[host], self._is_alone = after, False
        return told

    def _begin_anew_if_broken(self, error: sqlite3.Error) -> None:
        """Delete a file that is none of SQLite's: it holds nothing that cannot be learned again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self.file is not None and not isinstance(error, sqlite3.OperationalError):
            for end in ("", "-wal", "-shm"):
                self.file.with_name(self.file.name + end).unlink(missing_ok=True)


def _opened(file: Path | None) -> sqlite3.Connection:
    """Open the file, and make it where there is none."""
    connection = sqlite3.connect(str(file), timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        # A lost row costs one breach of a pace after a power cut; waiting for the disk costs every request.
        with closing(connection.execute("PRAGMA journal_mode = WAL")):
            connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_CREATE)
    except BaseException:
        connection.close()
        raise
    return connection
