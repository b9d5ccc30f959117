"""Mending what a check found, from what is still whole: texts, payloads, names, and at last the engine.

Nothing whole is thrown away. What is mended is looked up again inside the transaction that mends it, since
a harvest may have changed it after the check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from index import tables as t
from index.batch import Outcome, Raw, Unread
from index.check import as_record, readable, unpacked
from index.damage import Tally
from index.engines import Engine
from index.families import layer
from index.families.anew import form_anew
from index.prepared import Prepared, digest_of, prepare
from index.reconcile import index_again
from index.sql import CHUNK, Row, in_chunks, insert_all, now, revision_of, set_revision
from index.store import Store
from index.sync import rebuild, sync

ReadAgain = Callable[[str, Sequence[Unread]], Iterable[Outcome]]
"""Reads documents of a source again with today's mapping."""

Watch = Callable[[str, int, int], None]

NO_DIGEST = bytes(16)
"""Equals no document's, so that the next harvest keeps the document anew."""

LOST = "the stored text was damaged and is forgotten; the next full harvest asks for it again"


def mend_store(store: Store, tally: Tally, read_again: ReadAgain) -> None:
    """Mend what can be mended of the store; check it again to see what is left."""
    if "file" in tally.found:
        _mend_indexes(store)
    damaged = _numbers(tally, "payload")
    _mend_payloads(store, damaged, read_again)
    _let_go(store, damaged)
    _mend_texts(store, _numbers(tally, "text"))
    _mend_documents(store, _numbers(tally, "document"))
    _mend_names(store, _numbers(tally, "names", "payload"))
    _mend_stray_names(store, _numbers(tally, "stray names"))
    _mend_old_versions(store, tally.keys("old version"))
    _mend_quarantine(store, _numbers(tally, "quarantine"))
    if "revision" in tally.found:
        _mend_revision(store)
    if "family" in tally.found:
        form_anew(store)


def mend_engine(store: Store, engine: Engine, tally: Tally, watch: Watch = lambda *_: None) -> None:
    """Bring the engine to the store's revision and to the store's content."""
    if "index totals" in tally.found and "index" not in tally.found:
        rebuild(store, engine, lambda done, goal: watch("indexing", done, goal))
        return
    sync(store, engine)
    rids = _numbers(tally, "index", "payload", "old version")
    index_again(store, engine, rids, watch)


def _numbers(tally: Tally, *kinds: str) -> list[int]:
    return list(dict.fromkeys(key[0] for key in tally.keys(*kinds)))


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK]


def _mend_indexes(store: Store) -> None:
    """Make SQLite's indexes again; a table that is damaged itself stays so, and the next check says it."""
    try:
        with store.transaction() as connection:
            connection.exec_driver_sql("REINDEX")
    except sa.exc.DatabaseError:
        return


def _mend_texts(store: Store, dids: Sequence[int]) -> None:
    held, aside = t.documents, t.quarantine
    for chunk in _chunks(dids):
        with store.transaction() as connection:
            query = sa.select(held).where(held.c.raw.is_not(None))
            for row in list(in_chunks(connection, query, held.c.did, chunk)):
                body = readable(store, row.raw)
                if body is not None and digest_of(body) == row.hash:
                    continue
                unread = row.state == "unread"  # nothing is left to be read, and nothing may wait for it
                connection.execute(
                    held.update()
                    .where(held.c.did == row.did)
                    .values(
                        raw=None,
                        hash=NO_DIGEST,
                        mapping_version=0,
                        state="quarantined" if unread else row.state,
                    )
                )
                if unread:
                    facts = {"did": row.did, "source": row.source, "upstream_id": row.upstream_id}
                    lost = insert(aside).values(
                        **facts, reason=LOST, first_at=now(), last_at=now(), run_id=row.seen_run,
                        mapping_version=0,
                    )  # fmt: skip
                    connection.execute(
                        lost.on_conflict_do_update(index_elements=["did"], set_={"reason": LOST})
                    )


def _mend_payloads(store: Store, rids: Sequence[int], read_again: ReadAgain) -> None:
    for chunk in _chunks(rids):
        with store.reading() as connection:
            rows = list(in_chunks(connection, sa.select(t.records), t.records.c.rid, chunk))
            dids = [row.did for row in rows]
            documents = {
                row.did: row for row in in_chunks(connection, sa.select(t.documents), t.documents.c.did, dids)
            }
        by_source: dict[str, list[Unread]] = {}
        for row in rows:
            waiting = _waiting(store, documents.get(row.did))
            if waiting is not None:
                by_source.setdefault(row.source, []).append(waiting)
        for source, batch in by_source.items():
            read = {
                outcome.record.id: outcome.record for outcome in read_again(source, batch) if outcome.record
            }
            _replace_payloads(store, source, chunk, read)


def _waiting(store: Store, document: Row) -> Unread | None:
    if document is None or document.raw is None:
        return None
    body = readable(store, document.raw)
    if body is None or digest_of(body) != document.hash:
        return None
    return Unread(document.did, Raw(document.upstream_id, body, document.media_type), document.hash)


def _replace_payloads(store: Store, source: str, rids: Sequence[int], read: dict[str, Prepared]) -> None:
    """Put what was read in the place of what is damaged.

    The same content needs no new revision: its digest says that it is what was stored. Other content, read
    by a newer mapping, is a change like any other, but the version before it is lost. The last copy of a
    withdrawn record is taken only if it is the same: the document no longer says that it was withdrawn.
    """
    with store.transaction() as connection:
        revision = revision_of(connection)
        query = sa.select(t.records).where(t.records.c.source == source, t.records.c.state != "purged")
        for row in list(in_chunks(connection, query, t.records.c.rid, rids)):
            record = read.get(row.id)
            if record is None or unpacked(store, row) is not None:
                continue
            same = record.digest == row.hash
            if not same and (row.state, record.state) != ("current", "current"):
                continue
            revision += not same
            payload = store.blobs.pack(f"{source} record", record.body)
            values = {"payload": payload, "hash": record.digest} | ({} if same else {"revision": revision})
            connection.execute(t.records.update().where(t.records.c.rid == row.rid).values(**values))
        set_revision(connection, revision)


def _let_go(store: Store, rids: Sequence[int]) -> None:
    """Purge records of which nothing can be read, neither here nor in their document.

    Left in place, one of them would stop every reindexing. The next full harvest brings them back, as
    records of their own, since their documents are read again then.
    """
    for chunk in _chunks(rids):
        with store.transaction() as connection:
            query = sa.select(t.records).where(t.records.c.state != "purged")
            rows = list(in_chunks(connection, query, t.records.c.rid, chunk))
            gone = [row for row in rows if unpacked(store, row) is None]
            revision = revision_of(connection)
            for count, row in enumerate(gone, 1):
                purged = {"state": "purged", "revision": revision + count, "id": f"purged:{row.rid}"}
                connection.execute(t.records.update().where(t.records.c.rid == row.rid).values(**purged))
                again = t.documents.update().where(t.documents.c.did == row.did)
                connection.execute(again.values(mapping_version=0))
            for table in (t.identifiers, t.links, t.versions):
                connection.execute(table.delete().where(table.c.rid.in_([row.rid for row in gone])))
            rids = [row.rid for row in gone]
            set_revision(connection, layer.let_go(connection, rids, revision + len(gone)))


def _mend_documents(store: Store, rids: Sequence[int]) -> None:
    """Join records with the document that names them."""
    for chunk in _chunks(rids):
        with store.transaction() as connection:
            for row in list(in_chunks(connection, sa.select(t.records), t.records.c.rid, chunk)):
                query = sa.select(t.documents.c.did).where(
                    t.documents.c.source == row.source, t.documents.c.record_id == row.id
                )
                did = connection.execute(query.order_by(t.documents.c.did.desc()).limit(1)).scalar()
                if did is not None:
                    connection.execute(t.records.update().where(t.records.c.rid == row.rid).values(did=did))


def _mend_names(store: Store, rids: Sequence[int]) -> None:
    """Write identifiers and links again from the records themselves."""
    for chunk in _chunks(rids):
        with store.transaction() as connection:
            query = sa.select(t.records).where(t.records.c.state != "purged")
            rows = list(in_chunks(connection, query, t.records.c.rid, chunk))
            own, out, renewed, claims = [], [], [], {}
            for row in rows:
                kept = unpacked(store, row)
                record = as_record(kept) if kept is not None else None
                if record is None:
                    continue
                prepared = prepare(record)
                renewed.append(row.rid)
                own += [(row.rid, *pair) for pair in prepared.identifiers]
                out += [(row.rid, *link) for link in prepared.links]
                claims[row.rid] = prepared.claims
            for table in (t.identifiers, t.links):
                connection.execute(table.delete().where(table.c.rid.in_(renewed)))
            insert_all(connection, t.identifiers, ("rid", "scheme", "value"), own)
            insert_all(connection, t.links, ("rid", "relation", "scheme", "value"), out)
            set_revision(connection, layer.renew(connection, claims, revision_of(connection)))


def _mend_stray_names(store: Store, rids: Sequence[int]) -> None:
    alive = sa.select(t.records.c.rid).where(t.records.c.state != "purged")
    for chunk in _chunks(rids):
        with store.transaction() as connection:
            for table in (t.identifiers, t.links, t.claims):
                connection.execute(table.delete().where(table.c.rid.in_(chunk), table.c.rid.not_in(alive)))


def _mend_old_versions(store: Store, keys: Sequence[tuple[int, ...]]) -> None:
    """Remove old versions of which nothing can be read; left in place, they would stop every reindexing."""
    old = t.versions
    with store.transaction() as connection:
        for rid, began in keys:
            this = sa.and_(old.c.rid == rid, old.c.from_revision == began)
            payload = connection.execute(sa.select(old.c.payload).where(this)).scalar()
            if payload is not None and readable(store, payload) is None:
                connection.execute(old.delete().where(this))


def _mend_quarantine(store: Store, dids: Sequence[int]) -> None:
    held, aside = t.documents, t.quarantine
    explained = sa.select(aside.c.did)
    may_wait = sa.select(held.c.did).where(held.c.state.in_(("quarantined", "unread")))
    for chunk in _chunks(dids):
        with store.transaction() as connection:
            connection.execute(aside.delete().where(aside.c.did.in_(chunk), aside.c.did.not_in(may_wait)))
            unexplained = (
                held.c.did.in_(chunk) & (held.c.state == "quarantined") & held.c.did.not_in(explained)
            )
            connection.execute(
                held.update().where(unexplained, held.c.raw.is_not(None)).values(state="unread")
            )


def _mend_revision(store: Store) -> None:
    """Raise the store's revision to the highest there is: the next change must not take one that is taken."""
    with store.transaction() as connection:
        highest = connection.execute(sa.select(sa.func.max(t.records.c.revision))).scalar_one() or 0
        set_revision(connection, max(highest, revision_of(connection)))
