"""What two points in the node's past differ by: what appeared, changed and vanished, by source.

Only records whose newest revision lies after the earlier point are looked at. What changed and changed
back, or came and went in between, is no difference. A record that made room (purged) in between is counted
by itself: whether it was held at the earlier point is no longer known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest
from typing import Literal, TypeAlias

import orjson
import sqlalchemy as sa

from index import tables as t
from index.changes import is_tombstone
from index.patch import diff
from index.record import Json
from index.sql import Row
from index.store import Store

Kind: TypeAlias = Literal["appeared", "changed", "vanished", "purged"]
KINDS: tuple[Kind, ...] = ("appeared", "changed", "vanished", "purged")


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that is not the same at both points."""

    rid: int
    id: str
    source: str
    kind: Kind
    title: str | None
    fields: tuple[str, ...]
    """Of a changed record: the fields that differ."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two points differ by."""

    counts: dict[str, Counter[Kind]]
    """By source, exactly: of all differences, not only of those listed."""
    listed: tuple[Difference, ...]
    """In the order in which the records were first kept."""
    next: int | None
    """List the differences after this record number to go on."""


@dataclass(frozen=True, slots=True)
class _Found:
    row: Row
    kind: Kind
    was: bytes | None
    is_: bytes | None


def compare(
    store: Store, early: int, late: int, *, after: int, size: int, source: str | None = None
) -> Comparison:
    """Compare what was held at two revisions.

    Args:
        store: the store.
        early: the earlier revision.
        late: the later one.
        after: list differences of records with a higher number only; 0 for all.
        size: list at most so many.
        source: of this source only.
    """
    counts: dict[str, Counter[Kind]] = {}

    def counted(connection: sa.Connection) -> Iterator[_Found]:
        for found in _differences(store, connection, early, late, source):
            counts.setdefault(found.row.source, Counter())[found.kind] += 1
            if found.row.rid > after:
                yield found

    with store.reading() as connection:
        # Sorting in SQL would carry every version along; here only those that are listed are held.
        listed = nsmallest(size + 1, counted(connection), key=lambda found: int(found.row.rid))
    told = tuple(_told(found) for found in listed[:size])
    return Comparison(counts, told, told[-1].rid if told and len(listed) > size else None)


def _differences(
    store: Store, connection: sa.Connection, early: int, late: int, source: str | None
) -> Iterator[_Found]:
    for row in connection.execute(_rows(early, late, source)):
        if row.state == "purged":
            yield _Found(row, "purged", store.unpack(row.payload), None)
            continue
        was, is_ = _held(store, row.was), _held(store, row.payload)
        kind = _kind(was, is_)
        if kind is not None:
            yield _Found(row, kind, was, is_)


def _rows(early: int, late: int, source: str | None) -> sa.Select[tuple[object, ...]]:
    """Select the records that changed between, with the versions that stood at either end."""
    was, is_ = t.versions.alias("was"), t.versions.alias("is_")
    is_newest = t.records.c.revision <= late
    query = (
        sa.select(
            t.records.c.rid,
            t.records.c.id,
            t.records.c.source,
            t.records.c.state,
            was.c.payload.label("was"),
            sa.case((is_newest, t.records.c.payload), else_=is_.c.payload).label("payload"),
        )
        .outerjoin(was, _stood(was, early))
        .outerjoin(is_, sa.not_(is_newest) & _stood(is_, late))
        .where(t.records.c.revision > early)
        .where(sa.or_(t.records.c.state != "purged", is_newest))
        # One version that stood at both ends is no difference.
        .where(was.c.from_revision.is_distinct_from(is_.c.from_revision) | is_newest)
    )
    return query if source is None else query.where(t.records.c.source == source)


def _stood(version: sa.FromClause, revision: int) -> sa.ColumnElement[bool]:
    own = version.c.rid == t.records.c.rid
    return own & (version.c.from_revision <= revision) & (version.c.to_revision > revision)


def _held(store: Store, payload: bytes | None) -> bytes | None:
    """Answer a version as JSON; a tombstone was not held."""
    body = store.unpack(payload) if payload is not None else None
    return None if body is None or is_tombstone(body) else body


def _kind(was: bytes | None, is_: bytes | None) -> Kind | None:
    if was == is_:
        return None
    if was is None:
        return "appeared"
    return "vanished" if is_ is None else "changed"


def _told(found: _Found) -> Difference:
    was, is_ = (orjson.loads(body) if body else None for body in (found.was, found.is_))
    body: Json = is_ or was or {}
    fields = _fields(was, is_) if was and is_ else ()
    return Difference(found.row.rid, body["id"], found.row.source, found.kind, body.get("title"), fields)


def _fields(was: Json, is_: Json) -> tuple[str, ...]:
    return tuple(dict.fromkeys(edit.path.split("/")[1] for edit in diff(was, is_)))
