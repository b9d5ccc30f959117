"""Bring the engine up to the store's revision; make it again when its fingerprint differs.

Changes are brought in the order of their revisions, a batch per commit, so an index that was killed
between two commits simply goes on: nothing is lost and nothing doubled.

A revision may be one at which families changed and no record did. The entries of all records it regrouped
are made again, those of old versions too: a search in the past groups by what is known today.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import orjson
import sqlalchemy as sa

from index import tables as t
from index.check import version_of
from index.engines import Engine
from index.entry import entry_of
from index.families import layer
from index.families.anew import ensure
from index.families.layer import Kin
from index.record import Json
from index.sql import Row, in_chunks
from index.store import Kept, Store

BATCH = 5_000
"""Revisions per commit, about a second of indexing; smaller batches spend their time committing."""

Watch = Callable[[int, int], None]


def sync(store: Store, engine: Engine, watch: Watch = lambda _done, _all: None) -> int:
    """Bring the engine up to date.

    Args:
        store: the truth.
        engine: the index; waits while another thread of this process writes it.
        watch: told the revision reached and the one to reach, after each commit.

    Returns:
        How many revisions were brought.

    Raises:
        EngineBusy: another process keeps the index up to date.
    """
    ensure(store, watch)
    if engine.revision() == store.revision():
        return 0  # who only looks takes no lock from others
    with engine.turn():
        start = at = engine.revision()
        goal = store.revision()
        if engine.begun() > goal:  # the store was restored or replaced; the index is of no worth
            engine.clear()
            start = at = 0
        while at < goal:
            until = min(at + BATCH, goal)
            _bring(store, engine, at, until)
            at = until
            watch(at, goal)
        return at - start


def _bring(store: Store, engine: Engine, at: int, until: int) -> None:
    current, over = store.changes(at, until)
    again = _regrouped(store, at, until, {(kept.rid, kept.revision) for kept in (*current, *over)})
    engine.write(entries(store, current), entries(store, [*over, *again]), store.purged(at, until), until)


def rebuild(store: Store, engine: Engine, watch: Watch = lambda _done, _all: None) -> int:
    """Throw the index away and make it again from the store."""
    engine.clear()
    return sync(store, engine, watch)


def entries(store: Store, versions: Sequence[Kept]) -> Iterable[Json]:
    """Make the entries of kept versions, with the groups their records are in."""
    with store.reading() as connection:
        kin = layer.kin_of(connection, {kept.rid for kept in versions})
    return (entry(kept, kin.get(kept.rid)) for kept in versions)


def entry(kept: Kept, kin: Kin | None = None) -> Json:
    """Make the entry of a kept version; without kin it stands alone."""
    made = entry_of(kept.rid, kept.revision, kept.to_revision, orjson.loads(kept.json))
    return made | kin.fields() if kin else made


def _regrouped(store: Store, after: int, until: int, brought: set[tuple[int, int]]) -> list[Kept]:
    """List the versions whose entries must be made again, but for those that are brought anyway."""
    records = sa.select(t.records).where(t.records.c.state != "purged")
    with store.reading() as connection:
        rids = layer.regrouped(connection, after, until)
        rows = {row.rid: row for row in in_chunks(connection, records, t.records.c.rid, rids)}
        old = list(in_chunks(connection, sa.select(t.versions), t.versions.c.rid, list(rows)))
    found: list[tuple[Row, int, int | None, bytes]] = [
        (row, row.revision, None, row.payload) for row in rows.values()
    ]
    found += [(rows[was.rid], was.from_revision, was.to_revision, was.payload) for was in old]
    return [
        version_of(row, began, end if end is not None and end <= until else None, store.unpack(body))
        for row, began, end, body in found
        if began <= until and (row.rid, began) not in brought
    ]
