"""A check of the store against itself: every document, record, version, identifier and link.

Nothing is changed; harvests and servers may go on meanwhile. Each stretch of records is looked at in one
read transaction, so what is written during the check is not taken for damage.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import zstandard

from index import tables as t
from index.damage import Tally
from index.families import layer
from index.prepared import digest_of, prepare
from index.record import Record
from index.sql import Row, revision_of
from index.store import Kept, Store

STRETCH = 1_000
"""Rows per read transaction; a long one would keep the write-ahead log from being emptied."""

Watch = Callable[[str, int, int], None]
"""Told what is looked at, and how much of how much."""

Names = Counter[tuple[str | None, ...]]


def check_store(store: Store, tally: Tally, watch: Watch = lambda *_: None) -> None:
    """Check the store; what is found goes into the tally."""
    for part in (_file, _documents, _quarantine, _revisions, _records, _stray_names, _families):
        try:
            part(store, tally, watch)
        except sa.exc.DatabaseError as error:  # pages so damaged that SQLite does not read on
            tally.add("file", f"{part.__name__.strip('_').replace('_', ' ')}: {error.orig}", 0)


def readable(store: Store, blob: bytes) -> bytes | None:
    """Unpack a body; None when it cannot be."""
    try:
        return store.unpack(blob)
    except zstandard.ZstdError:
        return None


def unpacked(store: Store, row: Row) -> Kept | None:
    """Unpack a record's row; None when it is damaged."""
    body = readable(store, row.payload)
    if body is None or digest_of(body) != row.hash:
        return None
    return version_of(row, row.revision, None, body)


def version_of(row: Row, began: int, end: int | None, body: bytes) -> Kept:
    """Make a version of a record's row."""
    read = row.retrieved_at, row.mapping_version
    return Kept(row.rid, row.id, began, end, row.state, row.origin, *read, body)


def as_record(kept: Kept) -> Record | None:
    """Build the record; None when this version does not take it for one."""
    try:
        return kept.record()
    except ValueError:  # broken JSON and values out of range alike
        return None


def _file(store: Store, tally: Tally, watch: Watch) -> None:
    watch("file", 0, 1)
    with store.reading() as connection:
        for (found,) in connection.exec_driver_sql("PRAGMA integrity_check").fetchall():
            if found != "ok":
                tally.add("file", found, 0)
    watch("file", 1, 1)


def _documents(store: Store, tally: Tally, watch: Watch) -> None:
    for row, done, total in _walk(store, t.documents, t.documents.c.did):
        if row.raw is None:
            if row.state != "out_of_scope":
                tally.add("text lost", f"{row.source} {row.upstream_id}", row.did)
        else:
            body = readable(store, row.raw)
            if body is None or digest_of(body) != row.hash:
                tally.add("text", f"{row.source} {row.upstream_id}", row.did)
        tally.checked["documents"] += 1
        if done % STRETCH == 0 or done == total:
            watch("documents", done, total)


def _walk(store: Store, table: sa.Table, key: sa.Column[int]) -> Iterator[tuple[Row, int, int]]:
    """Walk a table by its number, with how far the walk has come."""
    last, done = 0, 0
    with store.reading() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    while True:
        with store.reading() as connection:
            rows = connection.execute(sa.select(table).where(key > last).order_by(key).limit(STRETCH)).all()
        if not rows:
            return
        for row in rows:
            done += 1
            yield row, done, max(done, total)
        last = getattr(rows[-1], key.name)


def _quarantine(store: Store, tally: Tally, _watch: Watch) -> None:
    aside, held = t.quarantine.c, t.documents.c
    may_wait = ("quarantined", "unread")  # unread: other bytes came, and wait for the next reading
    stray = (
        sa.select(aside.did, aside.source, aside.upstream_id)
        .outerjoin(t.documents, held.did == aside.did)
        .where(sa.or_(held.state.is_(None), held.state.not_in(may_wait)))
    )
    unexplained = (
        sa.select(held.did, held.source, held.upstream_id)
        .outerjoin(t.quarantine, held.did == aside.did)
        .where(held.state == "quarantined", aside.did.is_(None))
    )
    with store.reading() as connection:
        for row in [*connection.execute(stray), *connection.execute(unexplained)]:
            tally.add("quarantine", f"{row.source} {row.upstream_id}", row.did)


def _revisions(store: Store, tally: Tally, _watch: Watch) -> None:
    # Not by the index that keeps them unique: it may be what is damaged.
    twice = "SELECT revision FROM records NOT INDEXED GROUP BY revision HAVING count(*) > 1"
    with store.reading() as connection:
        newest = revision_of(connection)
        beyond = sa.select(t.records.c.revision).where(t.records.c.revision > newest)
        for (revision,) in connection.execute(beyond):
            tally.add("revision", f"revision {revision} is beyond {newest}", revision)
        for (revision,) in connection.exec_driver_sql(twice):
            tally.add("revision", f"revision {revision} is taken twice", revision)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Records with all that belongs to them, as one state of the store."""

    records: Mapping[int, Row]
    identifiers: Mapping[int, Names]
    links: Mapping[int, Names]
    claims: Mapping[int, Names] | None
    """None where families are to be formed anew."""
    versions: Mapping[int, list[Row]]
    documents: Mapping[int, Row]
    beyond: int
    """Where the next stretch begins."""


def _records(store: Store, tally: Tally, watch: Watch) -> None:
    last = 0
    with store.reading() as connection:
        total = connection.execute(sa.select(sa.func.max(t.records.c.rid))).scalar_one() or 0
    while (stretch := _stretch(store, last)) is not None:
        for row in stretch.records.values():
            _record(store, tally, row, stretch)
        for rid, versions in stretch.versions.items():
            _versions(store, tally, rid, versions, stretch)
        last = stretch.beyond
        tally.checked["records"] += len(stretch.records)
        watch("records", min(last, total), total)


def _stretch(store: Store, last: int) -> _Stretch | None:
    rid = t.records.c.rid
    with store.reading() as connection:
        rows = connection.execute(sa.select(t.records).where(rid > last).order_by(rid).limit(STRETCH)).all()
        full = len(rows) == STRETCH
        highest = rows[-1].rid if full else None  # the last stretch takes what belongs to no record as well

        def of(table: sa.Table) -> Any:  # noqa: ANN401  # rows, typed by their table
            within = table.c.rid > last if highest is None else table.c.rid.between(last + 1, highest)
            return connection.execute(sa.select(table).where(within))

        versions = _by_rid(of(t.versions))
        if not rows and not versions:
            return None
        return _Stretch(
            {row.rid: row for row in rows},
            _names(of(t.identifiers), "scheme", "value"),
            _names(of(t.links), "relation", "scheme", "value"),
            _names(of(t.claims), "rule", "key") if layer.is_formed(connection) else None,
            versions,
            _documents_of(connection, [row.rid for row in rows]),
            highest if highest is not None else max([*versions, *(row.rid for row in rows)]),
        )


def _by_rid(rows: Any) -> dict[int, list[Row]]:  # noqa: ANN401  # rows, typed by their table
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.rid].append(row)
    return found


def _names(rows: Any, *columns: str) -> dict[int, Names]:  # noqa: ANN401  # rows, typed by their table
    return {
        rid: Counter(tuple(getattr(row, column) for column in columns) for row in own)
        for rid, own in _by_rid(rows).items()
    }


def _documents_of(connection: sa.Connection, rids: list[int]) -> dict[int, Row]:
    held = t.documents.c
    numbers = sa.select(t.records.c.did).where(t.records.c.rid.in_(rids))
    query = sa.select(held.did, held.source, held.record_id).where(held.did.in_(numbers))
    return {row.did: row for row in connection.execute(query)}


def _record(store: Store, tally: Tally, row: Row, stretch: _Stretch) -> None:
    """Check a record against its row, its document and its names."""
    if row.state == "purged":
        return
    document = stretch.documents.get(row.did)
    if document is None or (document.source, document.record_id or row.id) != (row.source, row.id):
        tally.add("document", row.id, row.rid)
    kept = unpacked(store, row)
    if kept is None:
        tally.add("payload", row.id, row.rid)
        return
    record = as_record(kept)
    if record is None:
        tally.add("invalid", row.id, row.rid)
        return
    state = "withdrawn" if record.withdrawn else "current"
    if (record.id, record.source, state) != (row.id, row.source, row.state):
        tally.add("misplaced", f"{row.id} holds {record.id} of {record.source}, {state}", row.rid)
    prepared = prepare(record)
    names = Counter(prepared.identifiers), Counter(prepared.links)
    held = stretch.identifiers.get(row.rid, Counter()), stretch.links.get(row.rid, Counter())
    claimed = stretch.claims is None or stretch.claims.get(row.rid, Counter()) == Counter(prepared.claims)
    if held != names or not claimed:
        tally.add("names", row.id, row.rid)


def _versions(store: Store, tally: Tally, rid: int, versions: list[Row], stretch: _Stretch) -> None:
    """Check that old versions can be read, and that at each revision one of them at most was current."""
    tally.checked["versions"] += len(versions)
    record = stretch.records.get(rid)
    named = record.id if record is not None else f"record number {rid}"
    end = 0
    for version in sorted(versions, key=lambda row: int(row.from_revision)):
        span = f"{named}, revisions {version.from_revision} to {version.to_revision}"
        if readable(store, version.payload) is None:
            tally.add("old version", span, rid, version.from_revision)
        if not end <= version.from_revision < version.to_revision:
            tally.add("span", span, rid, version.from_revision)
        end = version.to_revision
    if record is None or record.state == "purged" or end > record.revision:
        tally.add("span", f"{named}, whose last change is not where its last old version ends", rid, end)


def _stray_names(store: Store, tally: Tally, _watch: Watch) -> None:
    alive = sa.select(t.records.c.rid).where(t.records.c.state != "purged")
    with store.reading() as connection:
        for table, value in ((t.identifiers, "value"), (t.links, "value"), (t.claims, "key")):
            query = sa.select(table.c.rid, table.c[value]).where(table.c.rid.not_in(alive))
            for rid, what in connection.execute(query):
                tally.add("stray names", f"{table.name} of record number {rid}: {what}", rid)


def _families(store: Store, tally: Tally, _watch: Watch) -> None:
    """Form every group again from the claims alone, and compare."""
    with store.reading() as connection:
        if not layer.is_formed(connection):
            return  # an older store's: the next start of the index forms them
        count, differing = layer.differing(connection)
        if count:
            tally.checked["families"] += count
        for rid, id_ in differing:
            tally.add("family", id_, rid)
