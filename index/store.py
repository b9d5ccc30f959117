"""The store: the truth on disk. What is here can be read by any thread and any process.

SQLite in WAL mode: one writer at a time, readers never wait. What comes in is written by `intake.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from index import tables as t
from index.blobs import Blobs
from index.prepared import completed
from index.record import Json, Record
from index.sql import Row, plain, revision_of

# Compiled once, whatever the number of records: a search must not wait for SQL to be written.
_BY_NUMBER = sa.select(t.records).where(t.records.c.rid.in_(sa.text("SELECT value FROM json_each(:rids)")))

_LAST_RUN = (t.runs.c.code, t.runs.c.unchanged_answers)


@dataclass(frozen=True)
class Kept:
    """A version of a record as the store holds it."""

    rid: int
    id: str
    revision: int
    """The first revision at which this version was current."""
    to_revision: int | None
    """The first revision at which it no longer was; None while it is."""
    state: str
    """current, withdrawn or purged: of the record today, not of this version."""
    origin: str
    retrieved_at: str
    mapping_version: int
    json: bytes
    """The record without empty fields."""

    @cached_property
    def stored(self) -> Json:
        """The record as it was stored: without empty fields and facts about our reading."""
        stored: Json = orjson.loads(self.json)
        return stored

    def record(self) -> Record:
        """Build the record."""
        return Record.model_validate({**self.stored, **self._reading()})

    def whole(self) -> Json:
        """Answer the record as JSON, empty fields included: what `record()` dumps, in a tenth of the time."""
        return completed({**self.stored, **self._reading()})

    def _reading(self) -> Json:
        return {"retrieved_at": self.retrieved_at, "mapping_version": self.mapping_version}


@dataclass(frozen=True, slots=True)
class SourceState:
    """How it stands with one source."""

    name: str
    origin: str
    scope: str
    fresh_at: str | None
    complete_at: str | None
    announced: int | None
    bookmark: str | None
    since: str | None
    last_state: str | None
    last_error: str | None
    last_run: int | None
    code: str | None
    """Version of the program of the last run."""
    unchanged_answers: int
    """Answers of the last run that said 304."""
    card: Mapping[str, str]
    """What the source says about itself: title, homepage, terms, how it is harvested."""


class Store:
    """An open store. Close it, or use it as a context manager."""

    def __init__(self, path: Path) -> None:
        """Open or create the store in a file.

        Raises:
            StoreTooNew: it was written by a newer Headwater.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.engine = sa.create_engine(
            f"sqlite:///{path}", connect_args={"timeout": 60, "check_same_thread": False}
        )
        sa.event.listen(self.engine, "connect", _on_connect)
        t.prepare(self.engine)
        self.writing = threading.RLock()
        with self.reading() as connection:
            self.blobs = Blobs(_dictionaries(connection))

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a consistent view: what is written meanwhile is not seen."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
            connection.rollback()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Write, all or nothing; SQLite's write lock is taken at once, so nobody overtakes us."""
        with self.writing, self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def unpack(self, blob: bytes) -> bytes:
        """Decompress; another process may have trained a dictionary since we looked."""
        if not self.blobs.knows(blob):
            with self.reading() as connection:
                for id_, purpose, content in _dictionaries(connection):
                    self.blobs.add(id_, purpose, content)
        return self.blobs.unpack(blob)

    def revision(self) -> int:
        """Answer the newest revision."""
        with self.reading() as connection:
            return revision_of(connection)

    def get(self, id_: str) -> Kept | None:
        """Find a record by its id; withdrawn ones too, purged ones not."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(t.records).where(t.records.c.id == id_, t.records.c.state != "purged")
            ).one_or_none()
        return self._kept(row) if row else None

    def get_number(self, rid: int) -> Kept | None:
        """Find a record by its number."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(t.records).where(t.records.c.rid == rid, t.records.c.state != "purged")
            ).one_or_none()
        return self._kept(row) if row else None

    def fetch(self, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Kept]:
        """Fetch versions by record number and first revision; current and old ones alike."""
        wanted = dict(keys)
        found: dict[tuple[int, int], Kept] = {}
        with self.reading() as connection:
            for row in connection.execute(_BY_NUMBER, {"rids": orjson.dumps(list(wanted)).decode()}):
                if row.revision == wanted[row.rid]:
                    found[row.rid, row.revision] = self._kept(row)
                    continue
                old = connection.execute(
                    sa.select(t.versions).where(
                        t.versions.c.rid == row.rid, t.versions.c.from_revision == wanted[row.rid]
                    )
                ).one_or_none()
                if old is not None:
                    found[row.rid, old.from_revision] = self._old(row, old)
        return found

    def changes(self, after: int, until: int) -> tuple[list[Kept], list[Kept]]:
        """List what changed in the revisions after one up to another, for the engine.

        Returns:
            Versions that began in that span and stand, tombstones among them; and versions that began or
            ended in it and are over.
        """
        current = sa.select(t.records).where(
            t.records.c.revision > after,
            t.records.c.revision <= until,
            t.records.c.state != "purged",
        )
        began = (t.versions.c.from_revision > after) & (t.versions.c.from_revision <= until)
        ended = (t.versions.c.to_revision > after) & (t.versions.c.to_revision <= until)
        over = (
            sa.select(t.records, t.versions.c.from_revision, t.versions.c.to_revision)
            .add_columns(t.versions.c.payload.label("old_payload"))
            .join(t.versions, t.versions.c.rid == t.records.c.rid)
            .where(sa.or_(began, ended), t.records.c.state != "purged")
        )
        with self.reading() as connection:
            now = [self._kept(row) for row in connection.execute(current)]
            then = [
                Kept(
                    row.rid,
                    row.id,
                    row.from_revision,
                    row.to_revision if row.to_revision <= until else None,  # ends in a later span
                    row.state,
                    row.origin,
                    row.retrieved_at,
                    row.mapping_version,
                    self.unpack(row.old_payload),
                )
                for row in connection.execute(over)
            ]
        return now, then

    def purged(self, after: int, until: int) -> list[int]:
        """List the numbers of records that were purged in a span of revisions."""
        with self.reading() as connection:
            query = sa.select(t.records.c.rid).where(
                t.records.c.revision > after,
                t.records.c.revision <= until,
                t.records.c.state == "purged",
            )
            return list(connection.execute(query).scalars())

    def ids(self, source: str) -> list[str]:
        """List the ids of a source's current records."""
        query = sa.select(t.records.c.id).where(t.records.c.source == source, t.records.c.state == "current")
        with self.reading() as connection:
            return list(connection.execute(query.order_by(t.records.c.id)).scalars())

    def upstream_id(self, id_: str) -> str | None:
        """Answer the upstream's own id of the document behind a record."""
        query = (
            sa.select(t.documents.c.upstream_id)
            .join(t.records, t.records.c.did == t.documents.c.did)
            .where(t.records.c.id == id_)
        )
        with self.reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def by_identifier(self, value: str, scheme: str | None = None) -> list[int]:
        """Find record numbers by an identifier in its normal form."""
        query = sa.select(t.identifiers.c.rid).where(t.identifiers.c.value == value).distinct()
        if scheme is not None:
            query = query.where(t.identifiers.c.scheme == scheme)
        with self.reading() as connection:
            return list(connection.execute(query).scalars())

    def raw(self, id_: str) -> tuple[bytes, str] | None:
        """Answer the upstream document behind a record, and its media type."""
        query = (
            sa.select(t.documents.c.raw, t.documents.c.media_type)
            .join(t.records, t.records.c.did == t.documents.c.did)
            .where(t.records.c.id == id_)
        )
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        return (self.unpack(row.raw), row.media_type) if row and row.raw else None

    def source_states(self) -> dict[str, SourceState]:
        """Answer how it stands with every source ever harvested."""
        last = (
            sa.select(t.runs.c.source, sa.func.max(t.runs.c.id).label("id"))
            .where(t.runs.c.kind != "reread")
            .group_by(t.runs.c.source)
            .subquery()
        )
        query = (
            sa.select(t.sources, t.runs.c.state, t.runs.c.error, t.runs.c.id.label("run_id"), *_LAST_RUN)
            .outerjoin(last, last.c.source == t.sources.c.name)
            .outerjoin(t.runs, t.runs.c.id == last.c.id)
            .order_by(t.sources.c.name)
        )
        with self.reading() as connection:
            return {
                row.name: SourceState(
                    row.name,
                    row.origin,
                    row.scope,
                    row.fresh_at,
                    row.complete_at,
                    row.announced,
                    row.bookmark,
                    row.since,
                    row.state,
                    row.error,
                    row.run_id,
                    row.code,
                    row.unchanged_answers or 0,
                    orjson.loads(row.card or b"{}"),
                )
                for row in connection.execute(query)
            }

    def counts(self, source: str | None = None) -> dict[str, dict[str, int]]:
        """Count records by source and state, and documents in quarantine, of one source or all."""
        found: dict[str, dict[str, int]] = {}
        by_state = sa.select(t.records.c.source, t.records.c.state, sa.func.count()).group_by(
            t.records.c.source, t.records.c.state
        )
        set_aside = sa.select(t.quarantine.c.source, sa.literal("quarantined"), sa.func.count()).group_by(
            t.quarantine.c.source
        )
        if source is not None:
            by_state = by_state.where(t.records.c.source == source)
            set_aside = set_aside.where(t.quarantine.c.source == source)
        with self.reading() as connection:
            for name, state, count in [
                *connection.execute(by_state),
                *connection.execute(set_aside),
            ]:
                found.setdefault(name, {})[state] = count
        return found

    def runs(self, source: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
        """List the newest runs, of one source or all."""
        query = sa.select(t.runs).order_by(t.runs.c.id.desc()).limit(limit)
        if source is not None:
            query = query.where(t.runs.c.source == source)
        with self.reading() as connection:
            return [plain(row) for row in connection.execute(query)]

    def findings(self, run_id: int) -> list[dict[str, Any]]:
        """List what a run noticed: fields nobody took, values refused or repaired, most frequent first."""
        query = (
            sa.select(t.findings.c.kind, t.findings.c.what, t.findings.c.count, t.findings.c.example)
            .where(t.findings.c.run_id == run_id)
            .order_by(t.findings.c.count.desc(), t.findings.c.what)
        )
        with self.reading() as connection:
            return [plain(row) for row in connection.execute(query)]

    def quarantined(self, source: str | None = None) -> list[dict[str, Any]]:
        """List the documents set aside, with their reasons."""
        query = sa.select(t.quarantine).order_by(t.quarantine.c.source, t.quarantine.c.upstream_id)
        if source is not None:
            query = query.where(t.quarantine.c.source == source)
        with self.reading() as connection:
            return [plain(row) for row in connection.execute(query)]

    def _kept(self, row: Row) -> Kept:
        return Kept(
            row.rid,
            row.id,
            row.revision,
            None,
            row.state,
            row.origin,
            row.retrieved_at,
            row.mapping_version,
            self.unpack(row.payload),
        )

    def _old(self, row: Row, old: Row) -> Kept:
        return Kept(
            row.rid,
            row.id,
            old.from_revision,
            old.to_revision,
            row.state,
            row.origin,
            row.retrieved_at,
            row.mapping_version,
            self.unpack(old.payload),
        )


def _dictionaries(connection: sa.Connection) -> list[tuple[int, str, bytes]]:
    rows = connection.execute(sa.select(t.dictionaries).order_by(t.dictionaries.c.id))
    return [(row.id, row.purpose, row.content) for row in rows]


def _on_connect(connection: Row, _record: object) -> None:
    # We begin transactions ourselves (BEGIN IMMEDIATE); sqlite3 must not begin them behind our back.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",  # a crash of the machine may lose the last commits, never tear one
        "temp_store=MEMORY",
        "cache_size=-65536",
        "mmap_size=2147418112",  # the most SQLite takes; a look at a mapped page costs no call of the system
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")
