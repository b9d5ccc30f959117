"""Forming all families anew: when the rules changed, when a store is older than the layer, or to mend it.

Done in stretches of records, each one transaction, so that harvests go on meanwhile; a kill leaves a layer
that is made again at the next start. Decisions by hand stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from index import tables as t
from index.check import as_record, unpacked
from index.families import layer
from index.prepared import prepare
from index.sql import revision_of, set_revision
from index.store import Store

STRETCH = 1_000
"""Records per transaction: reading them takes a fifth of a second, and no harvest waits longer."""

Watch = Callable[[int, int], None]


def ensure(store: Store, watch: Watch = lambda _done, _all: None) -> None:
    """Form all families anew if today's rules did not make them."""
    with store.reading() as connection:
        formed = layer.is_formed(connection)
    if not formed:
        form_anew(store, watch)


def form_anew(store: Store, watch: Watch = lambda _done, _all: None) -> int:
    """Read the claims off every record and form every group again.

    Args:
        store: the store.
        watch: told the record number reached and the highest, after each stretch.

    Returns:
        How many records were looked at.
    """
    _begin(store)
    with store.reading() as connection:
        highest = connection.execute(sa.select(sa.func.max(t.records.c.rid))).scalar_one() or 0
    count = 0
    for low in range(1, highest + 1, STRETCH):
        count += _stretch(store, low, low + STRETCH - 1)
        watch(min(low + STRETCH - 1, highest), highest)
    with store.transaction() as connection:
        made = insert(t.meta).values(key="families", value=str(t.FAMILIES_VERSION))
        connection.execute(
            made.on_conflict_do_update(index_elements=["key"], set_={"value": made.excluded.value})
        )
    return count


def _begin(store: Store) -> None:
    """Mark the layer as unmade until the end, and let go of what belongs to no record."""
    alive = sa.select(t.records.c.rid).where(t.records.c.state != "purged")
    with store.transaction() as connection:
        connection.execute(t.meta.delete().where(t.meta.c.key == "families"))
        for table in (t.claims, t.kin):
            connection.execute(table.delete().where(table.c.rid.not_in(alive)))


def _stretch(store: Store, low: int, high: int) -> int:
    query = sa.select(t.records).where(t.records.c.rid.between(low, high), t.records.c.state != "purged")
    with store.transaction() as connection:
        rows = connection.execute(query).all()
        claims = {}
        for row in rows:
            kept = unpacked(store, row)
            record = as_record(kept) if kept is not None else None
            if record is not None:  # one that cannot be read is told by `headwater check`
                claims[int(row.rid)] = prepare(record).claims
        set_revision(connection, layer.renew(connection, claims, revision_of(connection)))
        # What is grouped otherwise than its claims say did not come in by `renew`.
        layer.form(connection, claims)
    return len(rows)
