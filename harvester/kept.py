"""Answers kept, so that documents asked whole again and again come only when they have changed.

Some upstreams have no "changed since": IDR's tables and study files, SSBD's archive, Zenodo's list of dumps
are asked for in every run. Who passes `keep=True` to the client has the answer kept with its validators
(RFC 9110, section 13), and the next question carries them; a 304 then stands for the kept body.

Kept are answers with status 200 whose form was believed. They lie in an SQLite file of their own in the data
folder: an answer is one transaction with its body, so a kill keeps it whole or not at all; compressed with a
checksum, so a damaged one is asked for anew. The file can be deleted at any time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog
import zstandard

log = structlog.get_logger()

DAY = 86_400.0
ASKED_WHOLE = 30 * DAY
"""Seconds after which an answer is asked for whole, whatever its validators say: caches have been wrong."""
UNUSED = 90 * DAY
"""Seconds after which an answer nobody asked for is forgotten."""
ROOM = 512 * 1024 * 1024
"""Bytes kept in all, compressed; what was used longest ago goes first."""

_CREATE = """CREATE TABLE IF NOT EXISTS answers (
    url TEXT, accept TEXT, headers BLOB, body BLOB, kept_at REAL, used_at REAL,
    PRIMARY KEY (url, accept))"""
_USE = "UPDATE answers SET used_at = ? WHERE url = ? AND accept = ? RETURNING headers, body, kept_at"
_SHRINK = """DELETE FROM answers WHERE rowid IN (
    SELECT rowid FROM (
        SELECT rowid, SUM(LENGTH(body)) OVER (ORDER BY used_at DESC, rowid DESC) AS so_far FROM answers)
    WHERE so_far > ?)"""
_OF_ONE_CONNECTION = {"set-cookie", "date", "content-encoding", "content-length", "transfer-encoding"}
"""Headers that say nothing of the document: a session, a moment, how it was packed for the way."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A body with the headers it came with."""

    headers: Mapping[str, str]
    body: bytes

    def lasting(self) -> dict[str, str]:
        """Answer the headers that belong to the document."""
        headers = ((str(name), said) for name, said in self.headers.items())  # aiohttp's are of a subclass
        return {name: said for name, said in headers if name.lower() not in _OF_ONE_CONNECTION}

    def conditions(self) -> dict[str, str]:
        """Write the headers that ask whether it is still current."""
        low = {name.lower(): value for name, value in self.headers.items()}
        pairs = (("If-None-Match", low.get("etag")), ("If-Modified-Since", low.get("last-modified")))
        return {name: value for name, value in pairs if value}


class Kept:
    """The answers kept. Safe to use from several threads and processes."""

    def __init__(self, file: Path | None) -> None:
        """Keep them in a file; without one nothing is kept."""
        self.file = file
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def get(self, url: str, accept: str) -> KeptAnswer | None:
        """Answer what is kept; None for nothing, and for what is damaged or too old to be relied on."""
        return None if self.file is None else await asyncio.to_thread(self._get, url, accept)

    async def put(self, url: str, accept: str, answer: KeptAnswer) -> None:
        """Keep an answer that has a validator; what was kept before goes in any case."""
        if self.file is not None:
            await asyncio.to_thread(self._put, url, accept, answer)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _get(self, url: str, accept: str) -> KeptAnswer | None:
        now = time.time()
        try:
            with self._lock, self._opened() as connection:
                rows = connection.execute(_USE, (now, url, accept)).fetchall()
            if not rows or not 0 <= now - rows[0][2] < ASKED_WHOLE:
                return None
            row = rows[0]
            return KeptAnswer(orjson.loads(row[0]), zstandard.ZstdDecompressor().decompress(row[1]))
        except (sqlite3.Error, zstandard.ZstdError, orjson.JSONDecodeError) as error:
            log.warning("a kept answer cannot be used", url=url, why=str(error))
            return None

    def _put(self, url: str, accept: str, answer: KeptAnswer) -> None:
        packed = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(answer.body)
        now = time.time()
        try:
            with self._lock, self._opened() as connection:
                connection.execute("DELETE FROM answers WHERE url = ? AND accept = ?", (url, accept))
                if answer.conditions() and len(packed) <= ROOM // 4:
                    row = (url, accept, orjson.dumps(answer.lasting()), packed, now, now)
                    connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", row)
                    _make_room(connection, now)
        except sqlite3.Error as error:
            log.warning("an answer cannot be kept", url=url, why=str(error))

    def _opened(self) -> sqlite3.Connection:
        """Open the file once; one that is none of SQLite's is made anew, since it holds nothing of worth."""
        if self._connection is None:
            try:
                self._connection = _open(self.file)
            except sqlite3.OperationalError:
                raise  # locked, or no room: the file itself may be good
            except sqlite3.DatabaseError:
                if self.file is not None:
                    self.file.unlink(missing_ok=True)
                self._connection = _open(self.file)
        return self._connection


def _open(file: Path | None) -> sqlite3.Connection:
    connection = sqlite3.connect(str(file), timeout=5.0, check_same_thread=False)
    try:
        with closing(connection.execute("PRAGMA journal_mode = WAL")):
            connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_CREATE)
        connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection


def _make_room(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM answers WHERE used_at < ?", (now - UNUSED,))
    connection.execute(_SHRINK, (ROOM,))
