"""The history of one record: every version with its revisions, and what changed from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import orjson
import sqlalchemy as sa

from index import tables as t
from index.changes import Event, Started, events
from index.moments import times
from index.patch import Edit, diff
from index.sql import Row
from index.store import Store


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a record."""

    from_revision: int
    to_revision: int | None
    """The first revision at which it stood no more; None while it stands."""
    at: str | None
    """When it began, UTC."""
    until: str | None
    event: Event
    edits: tuple[Edit, ...]
    """What turns the version before into this one; nothing for the first that is kept."""


@dataclass(frozen=True, slots=True)
class History:
    """Versions, the oldest first."""

    versions: tuple[Version, ...]
    total: int
    next: int | None
    """Ask for what follows this revision to go on."""


def history(store: Store, rid: int, after: int, size: int) -> History:
    """Tell the history of a record; the difference of two versions is worked out now, from what is kept.

    Args:
        store: the store.
        rid: number of the record.
        after: only versions that began after this revision.
        size: at most so many.
    """
    every = _versions(rid)
    following = sa.select(every).where(every.c.began > after).order_by(every.c.began).limit(size + 1)
    preceding = sa.select(every).where(every.c.began <= after).order_by(every.c.began.desc()).limit(1)
    with store.reading() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(every)).scalar_one()
        rows = connection.execute(following).all()
        before = connection.execute(preceding).all()
        told = _told(store, connection, rid, before, rows[:size])
    return History(told, total, told[-1].from_revision if len(rows) > size else None)


def latest(store: Store, rid: int, size: int) -> History:
    """Tell the last versions of a record only."""
    every = _versions(rid)
    query = sa.select(every.c.began).order_by(every.c.began.desc()).offset(size).limit(1)
    with store.reading() as connection:
        last_untold = connection.execute(query).scalar_one_or_none()
    return history(store, rid, last_untold or 0, size)


def _versions(rid: int) -> sa.Subquery:
    older = sa.select(
        t.versions.c.from_revision.label("began"), t.versions.c.to_revision, t.versions.c.payload
    ).where(t.versions.c.rid == rid)
    newest = sa.select(t.records.c.revision, sa.null(), t.records.c.payload).where(t.records.c.rid == rid)
    return older.union_all(newest).subquery()


def _told(
    store: Store, connection: sa.Connection, rid: int, preceding: Sequence[Row], rows: Sequence[Row]
) -> tuple[Version, ...]:
    own = [store.unpack(row.payload) for row in rows]
    started = [Started(rid, row.began, body) for row, body in zip(rows, own, strict=True)]
    what = events(store, connection, started)
    at = times(connection, {end for row in rows for end in (row.began, row.to_revision) if end})
    bodies = [*(store.unpack(row.payload) for row in preceding), *own]
    edits = [diff(orjson.loads(old), orjson.loads(new)) for old, new in pairwise(bodies)]
    return tuple(
        Version(row.began, row.to_revision, at[row.began], at.get(row.to_revision), what[row.began], changed)
        for row, changed in zip(rows, edits if preceding else [(), *edits], strict=True)
    )
