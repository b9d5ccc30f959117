"""What happened to records: each revision is one change of one record, told in order.

The store keeps no diary: a version's first revision is the change that made it, and what came before it
says what kind of change that was. Records that made room (purged) lost their versions; of them only the
purge itself is told, so that whoever follows us lets go of them as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import orjson
import sqlalchemy as sa

from index import tables as t
from index.moments import times
from index.record import Json
from index.sql import Row, revision_of
from index.store import Store

Event: TypeAlias = Literal["added", "changed", "withdrawn", "restored", "purged"]

_MARK = b'"withdrawn":{'
"""Stands in a record's JSON only if it is a tombstone: inside a text the quotes would be escaped."""

_VALUES = "SELECT value FROM json_each(:revisions)"
_BEFORE = sa.select(t.versions.c.to_revision, t.versions.c.payload).where(
    t.versions.c.to_revision.in_(sa.text(_VALUES))
)
_FIRST = (
    sa.select(t.versions.c.rid, sa.func.min(t.versions.c.from_revision))
    .where(t.versions.c.rid.in_(sa.text(_VALUES)))
    .group_by(t.versions.c.rid)
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one record."""

    revision: int
    at: str | None
    """When the store reached this revision, UTC."""
    event: Event
    id: str
    source: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes in the order of their revisions."""

    changes: tuple[Change, ...]
    next: int
    """Ask for the changes since this revision to go on: none is repeated, none is left out."""
    more: bool
    revision: int
    """The store's revision when this was read."""


@dataclass(frozen=True, slots=True)
class Started:
    """A version that began, with what decides which event that was."""

    rid: int
    revision: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A record that is withdrawn, by the revision that withdrew it."""

    revision: int
    at: str | None
    record: Json


def is_tombstone(body: bytes) -> bool:
    """Tell whether a version's stored JSON says that the record is withdrawn."""
    return _MARK in body


def since(store: Store, revision: int, size: int, source: str | None = None) -> Changes:
    """List changes after a revision, in one view of the store: a writer beside us is seen next time.

    Args:
        store: the store.
        revision: the last revision that is known already; 0 for all.
        size: at most so many.
        source: of this source only.
    """
    with store.reading() as connection:
        newest = revision_of(connection)
        found = [
            *connection.execute(_began(t.versions, t.versions.c.from_revision, revision, size, source)),
            *connection.execute(_began(t.records, t.records.c.revision, revision, size, source)),
        ]
        rows = sorted(found, key=lambda row: int(row.began))[: size + 1]
        told = _told(store, connection, rows[:size])
    more = len(rows) > size
    return Changes(told, told[-1].revision if more else newest, more, newest)


def withdrawals(store: Store, after: int, before: int | None, size: int) -> list[Tombstone]:
    """List the records that are withdrawn today, the latest withdrawal first.

    Args:
        store: the store.
        after: only withdrawals after this revision.
        before: only withdrawals before this revision; None for the newest.
        size: at most so many.
    """
    known = sa.select(t.sources.c.name)  # so that SQLite can use the index on source and state
    query = (
        sa.select(t.records.c.revision, t.records.c.payload)
        .where(t.records.c.source.in_(known), t.records.c.state == "withdrawn")
        .where(t.records.c.revision > after)
        .order_by(t.records.c.revision.desc())
        .limit(size)
    )
    if before is not None:
        query = query.where(t.records.c.revision < before)
    with store.reading() as connection:
        rows = connection.execute(query).all()
        at = times(connection, [row.revision for row in rows])
    return [
        Tombstone(row.revision, at[row.revision], orjson.loads(store.unpack(row.payload))) for row in rows
    ]


def events(store: Store, connection: sa.Connection, started: Sequence[Started]) -> dict[int, Event]:
    """Say what the beginning of each version was, by its first revision."""
    before = {
        row.to_revision: store.unpack(row.payload)
        for row in connection.execute(_BEFORE, _bound(each.revision for each in started))
    }
    # A tombstone kept by a program older than this one is lost once its record came back; the gap remains.
    orphans = [each for each in started if each.revision not in before]
    oldest = connection.execute(_FIRST, _bound(each.rid for each in orphans))
    first = {int(rid): int(began) for rid, began in oldest}
    return {
        each.revision: _event(each, before.get(each.revision), first.get(each.rid, each.revision))
        for each in started
    }


def _event(started: Started, before: bytes | None, first: int) -> Event:
    if is_tombstone(started.body):
        return "withdrawn"
    if before is None:
        return "restored" if first < started.revision else "added"
    return "restored" if is_tombstone(before) else "changed"


def _bound(numbers: Iterable[int]) -> dict[str, str]:
    return {"revisions": orjson.dumps(list(numbers)).decode()}


def _began(
    table: sa.Table, began: sa.Column[int], after: int, size: int, source: str | None
) -> sa.Select[tuple[int, int, str, str, str, bytes]]:
    """Select versions by their first revision; one more than asked for tells whether there are more."""
    columns = (t.records.c.rid, began.label("began"), t.records.c.id, t.records.c.source, t.records.c.state)
    query = sa.select(*columns, table.c.payload).where(began > after).order_by(began).limit(size + 1)
    if table is not t.records:
        query = query.join(t.records, t.records.c.rid == table.c.rid)
    if source is None:
        return query
    # Not by the index on sources: each page would sort all that follows; this way a walk is one pass.
    return query.where(t.records.c.source.concat("") == source)


def _told(store: Store, connection: sa.Connection, rows: Sequence[Row]) -> tuple[Change, ...]:
    bodies = {row.began: store.unpack(row.payload) for row in rows}
    purged = {row.began for row in rows if row.state == "purged"}
    at = times(connection, bodies)
    started = [Started(row.rid, row.began, bodies[row.began]) for row in rows if row.began not in purged]
    what = events(store, connection, started)
    return tuple(
        Change(
            row.began,
            at[row.began],
            what.get(row.began, "purged"),
            orjson.loads(bodies[row.began])["id"] if row.began in purged else row.id,
            row.source,
        )
        for row in rows
    )
