"""The engine against the store: which versions it holds, and making the differing ones again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from index import tables as t
from index.check import readable, version_of
from index.damage import Tally
from index.engines import Engine, Snapshot, SnapshotGone, Tombstones
from index.entry import OPEN_END
from index.query import Everything
from index.sql import in_chunks
from index.store import Kept, Store
from index.sync import entries

STRETCH = 5_000
"""Record numbers looked at together."""

AT_ONCE = 1_000
"""Records indexed again per commit."""

Watch = Callable[[str, int, int], None]

UNREADABLE = (OSError, ValueError, SnapshotGone)
"""What an engine raises whose files are not there, or not whole."""


def check_engine(store: Store, engine: Engine, tally: Tally, watch: Watch = lambda *_: None) -> None:
    """Compare what the engine holds with what the store held at the revision it has come to.

    The engine may be behind while another process brings it up to date; that is told, and is no damage.
    """
    try:
        marked = engine.revision()
        snapshot = engine.snapshot()
        at = max(marked, snapshot.revision)  # in this order: a commit between the two is not missed
        tally.behind = max(0, store.revision() - at)
        _compare(store, snapshot, at, tally, watch)
    except UNREADABLE as error:
        tally.add("index unreadable", str(error) or type(error).__name__, 0)


def index_again(
    store: Store, engine: Engine, rids: Sequence[int], watch: Watch = lambda *_: None
) -> list[str]:
    """Take records out of the engine and index them as the store holds them.

    Returns:
        Ids of records of which the store itself cannot unpack a version; that version is left out.
    """
    at = engine.revision()
    left_out: list[str] = []
    for start in range(0, len(rids), AT_ONCE):
        chunk = rids[start : start + AT_ONCE]
        found = list(_standing(store, chunk, at))
        left_out += [kept for kept in found if not isinstance(kept, Kept)]
        standing = [kept for kept in found if isinstance(kept, Kept)]
        # Two commits: one would take out what it brings. In between the records are not found.
        engine.write([], [], chunk, at)
        engine.write(entries(store, standing), [], [], at)
        watch("indexing again", start + len(chunk), len(rids))
    return left_out


def _standing(store: Store, rids: Sequence[int], at: int) -> Iterator[Kept | str]:
    """Yield every version the engine must hold at a revision; only the id of one that cannot be unpacked."""
    records = sa.select(t.records).where(t.records.c.state != "purged")
    with store.reading() as connection:
        rows = {row.rid: row for row in in_chunks(connection, records, t.records.c.rid, rids)}
        old = list(in_chunks(connection, sa.select(t.versions), t.versions.c.rid, list(rows)))
    spans = [(row, row.revision, OPEN_END, row.payload) for row in rows.values()]
    spans += [(rows[was.rid], was.from_revision, was.to_revision, was.payload) for was in old]
    for row, began, end, payload in spans:
        if began > at:
            continue
        body = readable(store, payload)
        if body is None:
            yield row.id
            continue
        to = end if end <= at else None
        yield version_of(row, began, to, body)


@dataclass(slots=True)
class _Expected:
    """What the engine must hold of a stretch of records at a revision."""

    ids: dict[int, str] = field(default_factory=dict)
    ends: dict[tuple[int, int], int] = field(default_factory=dict)
    """End of each version, by record number and first revision."""
    unknowable: set[int] = field(default_factory=set)
    """Purged since; what was there before cannot be told any more."""
    standing: Counter[str] = field(default_factory=Counter)
    """Records and tombstones at the revision, by source."""
    current: Counter[str] = field(default_factory=Counter)
    """Records alone, as far as they did not change since."""
    reopened: bool = False
    """Something changed since; whether it was a tombstone then, only its old payload would tell."""


def _expected(store: Store, low: int, high: int, at: int) -> _Expected:
    found, row, old = _Expected(), t.records.c, t.versions.c
    columns = row.rid, row.id, row.source, row.state, row.revision
    records = sa.select(*columns).where(row.rid.between(low, high))
    versions = (
        sa.select(old.rid, old.from_revision, old.to_revision, row.source)
        .join(t.records, row.rid == old.rid)
        .where(old.rid.between(low, high), old.from_revision <= at)
    )
    with store.reading() as connection:
        for record in connection.execute(records):
            found.ids[record.rid] = record.id
            if record.state == "purged":
                found.unknowable.update([record.rid] if record.revision > at else [])
            elif record.revision <= at:
                found.ends[record.rid, record.revision] = OPEN_END
                found.standing[record.source] += 1
                found.current[record.source] += record.state == "current"
        for was in connection.execute(versions):
            over = was.to_revision <= at
            found.ends[was.rid, was.from_revision] = was.to_revision if over else OPEN_END
            found.standing[was.source] += not over
            found.reopened |= not over
    return found


def _compare(store: Store, snapshot: Snapshot, at: int, tally: Tally, watch: Watch) -> None:
    with store.reading() as connection:
        highest = connection.execute(sa.select(sa.func.max(t.records.c.rid))).scalar_one() or 0
    standing: Counter[str] = Counter()
    current: Counter[str] = Counter()
    current_is_known = True
    for low in range(0, highest + 1, STRETCH):
        high = min(low + STRETCH - 1, highest)
        expected = _expected(store, low, high, at)
        _compare_stretch(expected, snapshot.held(low, high), tally)
        standing += expected.standing
        current += expected.current
        current_is_known &= not expected.reopened
        watch("index", high, highest)
    _compare_stretch(_Expected(), snapshot.held(highest + 1, None), tally)
    _totals(snapshot, at, "include", standing, tally)
    if current_is_known:
        _totals(snapshot, at, "exclude", current, tally)


def _compare_stretch(expected: _Expected, held: list[tuple[int, int, int]], tally: Tally) -> None:
    tally.checked["entries"] += len(held)
    ends = {(rid, began): end for rid, began, end in held}
    wrong = {key[0] for key, end in expected.ends.items() if ends.get(key) != end}
    wrong |= {key[0] for key in ends if key not in expected.ends}
    if len(ends) != len(held):
        wrong |= {rid for (rid, _, _), count in Counter(held).items() if count > 1}
    for rid in sorted(wrong - expected.unknowable):
        unknown = f"record number {rid}, of which the store knows nothing"
        tally.add("index", expected.ids.get(rid, unknown), rid)


def _totals(snapshot: Snapshot, at: int, tombstones: Tombstones, ours: Counter[str], tally: Tally) -> None:
    """Count by search, as everybody does, rather than by what the search goes through."""
    found = snapshot.search(
        Everything(), at=at, sort="newest", size=1, after=None, facets=("source",),
        facet_size=1_000, withdrawn=tombstones,
    )  # fmt: skip
    counted = dict(found.facets["source"].values)
    for source in sorted({*counted, *ours}):
        if counted.get(source, 0) != ours[source]:
            numbers = f"{ours[source]:,} in the store, {counted.get(source, 0):,} found"
            what = "" if tombstones == "exclude" else ", tombstones among them"
            tally.add("index totals", f"{source}: {numbers}{what}", 0)
