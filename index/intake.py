"""What comes into the store: pages, readings, withdrawals. Each function is one transaction.

The order makes a kill harmless. `keep_page` writes what the upstream sent together with the bookmark
after it; its documents are then unread. `keep_readings` turns unread documents into records. A process
killed between the two finds the unread documents when it starts again; nothing is asked twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from index import losses
from index import tables as t
from index.batch import Batch, Outcome, Raw, Unread
from index.families import layer
from index.losses import Paths
from index.prepared import buried, digest_of
from index.record import Withdrawal
from index.sql import CHUNK, Row, in_chunks, inserted_id, now, revision_of, set_revision
from index.store import Store

Findings = dict[tuple[str, str], tuple[int, str]]
"""What readings noticed, by kind and name: how often, and one example."""


def keep_page(  # noqa: PLR0913  # a page is these facts
    store: Store,
    run_id: int,
    *,
    source: str,
    url: str,
    asked_at: str,
    raws: Sequence[Raw],
    bookmark: str,
    announced: int | None,
    mapping_version: int,
) -> list[Unread]:
    """Keep one upstream answer and the bookmark after it; answer the documents that must be read.

    A document whose bytes are the same as last time, read by the same mapping, need not be read again.
    """
    unread: dict[str, tuple[Raw, bytes]] = {}
    with store.transaction() as connection:
        page_id = inserted_id(
            connection.execute(
                t.pages.insert().values(
                    run_id=run_id, url=url, asked_at=asked_at, documents=len(raws), bookmark=bookmark
                )
            )
        )
        held = _held(connection, source, [raw.upstream_id for raw in raws])
        same, rows = [], []
        for raw in raws:
            digest = digest_of(raw.body)
            before = held.get(raw.upstream_id)
            if before and _as_read(before, digest, mapping_version):
                same.append(before.did)
                continue
            unread[raw.upstream_id] = raw, digest
            rows.append(
                {
                    "source": source,
                    "upstream_id": raw.upstream_id,
                    "media_type": raw.media_type,
                    "hash": digest,
                    "raw": store.blobs.pack(f"{source} document", raw.body),
                    "state": "unread",
                    "mapping_version": mapping_version,
                    "seen_run": run_id,
                    "page_id": page_id,
                    "kept_at": asked_at,
                }
            )
        _upsert_documents(connection, rows)
        for start in range(0, len(same), CHUNK):
            connection.execute(
                t.documents.update()
                .where(t.documents.c.did.in_(same[start : start + CHUNK]))
                .values(seen_run=run_id)
            )
        connection.execute(
            t.sources.update()
            .where(t.sources.c.name == source)
            .values(
                bookmark=bookmark,
                harvest_began=sa.func.coalesce(t.sources.c.harvest_began, asked_at),
                announced=sa.func.coalesce(announced, t.sources.c.announced),
            )
        )
        _count(
            connection,
            run_id,
            {"pages": 1, "seen": len(raws), "unchanged": len(same)},
        )
        dids = _held(connection, source, list(unread))
    _train(store)
    return [Unread(dids[id_].did, raw, digest) for id_, (raw, digest) in unread.items()]


def keep_readings(  # noqa: PLR0913
    store: Store,
    run_id: int,
    outcomes: Sequence[Outcome],
    *,
    source: str,
    origin: str,
    retrieved_at: str,
    mapping_version: int,
    findings: Findings,
    paths: Paths | None = None,
) -> Counter[str]:
    """Turn readings into records; answer how many were added, changed, unchanged, ... .

    A record that changed keeps its old version with the revisions between which it was current.
    """
    with store.transaction() as connection:
        batch = Batch(connection, store, source, origin, retrieved_at, mapping_version)
        batch.load([outcome.record.id for outcome in outcomes if outcome.record])
        for outcome in outcomes:
            batch.take(outcome)
        batch.write(run_id)
        _count(connection, run_id, batch.counts)
        drift = losses.keep(connection, run_id, source, paths or {})
        _keep_findings(connection, run_id, {**findings, **drift})
    _train(store)
    return batch.counts


def withdraw(store: Store, run_id: int, source: str, gone: Mapping[str, Withdrawal]) -> int:
    """Turn records into tombstones, by upstream id; answer how many changed."""
    with store.transaction() as connection:
        count = _withdraw(connection, source, gone, store)
        _count(connection, run_id, {"withdrawn": count})
    return count


def unread(store: Store, source: str, limit: int) -> list[Unread]:
    """List documents that a killed run kept but did not read."""
    query = (
        sa.select(t.documents)
        .where(t.documents.c.source == source, t.documents.c.state == "unread")
        .limit(limit)
    )
    with store.reading() as connection:
        return [_unread(store, row) for row in connection.execute(query)]


def all_documents(store: Store, source: str, batch: int) -> Iterator[list[Unread]]:
    """Walk all stored documents of a source, for reading them again."""
    last = 0
    while True:
        query = (
            sa.select(t.documents)
            .where(
                t.documents.c.source == source,
                t.documents.c.did > last,
                t.documents.c.raw.is_not(None),
            )
            .order_by(t.documents.c.did)
            .limit(batch)
        )
        with store.reading() as connection:
            rows = list(connection.execute(query))
        if not rows:
            return
        last = rows[-1].did
        yield [_unread(store, row) for row in rows]


def listed(store: Store, source: str, harvest_run: int) -> int:
    """Count the documents that a harvest, all its runs together, has listed."""
    query = sa.select(sa.func.count()).where(
        t.documents.c.source == source, t.documents.c.seen_run >= harvest_run
    )
    with store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def unseen(store: Store, source: str, since_run: int) -> list[str]:
    """List the upstream ids of current records whose documents no run since one has seen."""
    query = (
        sa.select(t.documents.c.upstream_id)
        .join(t.records, t.records.c.did == t.documents.c.did)
        .where(
            t.documents.c.source == source,
            t.documents.c.seen_run < since_run,
            t.records.c.state == "current",
        )
        .order_by(t.documents.c.upstream_id)
    )
    with store.reading() as connection:
        return list(connection.execute(query).scalars())


def forget(store: Store, source: str) -> int:
    """Remove all of a source: its records leave every answer; its documents are deleted.

    Used when replica material makes room for the live upstream, never for what an upstream withdrew.
    """
    with store.transaction() as connection:
        rids = list(
            connection.execute(
                sa.select(t.records.c.rid).where(t.records.c.source == source, t.records.c.state != "purged")
            ).scalars()
        )
        revision = revision_of(connection)
        connection.execute(
            t.records.update().where(t.records.c.rid == sa.bindparam("b_rid")),
            [
                {"b_rid": rid, "state": "purged", "revision": revision + n, "id": f"purged:{rid}"}
                for n, rid in enumerate(rids, 1)
            ],
        ) if rids else None
        for table in (t.identifiers, t.links, t.versions):
            connection.execute(
                table.delete().where(
                    table.c.rid.in_(sa.select(t.records.c.rid).where(t.records.c.source == source))
                )
            )
        for table in (t.documents, t.quarantine, t.losses):
            connection.execute(table.delete().where(table.c.source == source))
        set_revision(connection, layer.let_go(connection, rids, revision + len(rids)))
        connection.execute(t.sources.delete().where(t.sources.c.name == source))
    return len(rids)


def _as_read(before: Row, digest: bytes, mapping_version: int) -> bool:
    """Tell whether a document was read as it stands, by the mapping we have."""
    same = (before.hash, before.mapping_version) == (digest, mapping_version)
    return same and bool(before.state != "unread")


def _held(connection: sa.Connection, source: str, ids: list[str]) -> dict[str, Any]:
    columns = (
        t.documents.c.did,
        t.documents.c.upstream_id,
        t.documents.c.hash,
        t.documents.c.state,
        t.documents.c.mapping_version,
    )
    query = sa.select(*columns).where(t.documents.c.source == source)
    rows = in_chunks(connection, query, t.documents.c.upstream_id, ids)
    return {row.upstream_id: row for row in rows}


def _upsert_documents(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = insert(t.documents)
    updated = {
        name: statement.excluded[name]
        for name in (
            "media_type",
            "hash",
            "raw",
            "state",
            "mapping_version",
            "seen_run",
            "page_id",
            "kept_at",
        )
    }
    connection.execute(
        statement.on_conflict_do_update(index_elements=["source", "upstream_id"], set_=updated),
        rows,
    )


def _withdraw(connection: sa.Connection, source: str, gone: Mapping[str, Withdrawal], store: Store) -> int:
    """Turn current records into tombstones that keep their last copy."""
    if not gone:
        return 0
    query = (
        sa.select(t.records, t.documents.c.upstream_id)
        .join(t.documents, t.documents.c.did == t.records.c.did)
        .where(t.records.c.source == source, t.records.c.state == "current")
    )
    rows = list(in_chunks(connection, query, t.documents.c.upstream_id, list(gone)))
    revision = revision_of(connection)
    for row in rows:
        revision += 1
        tombstone = buried(store.unpack(row.payload), gone[row.upstream_id])
        connection.execute(
            t.versions.insert().values(
                rid=row.rid, from_revision=row.revision, to_revision=revision, payload=row.payload
            )
        )
        connection.execute(
            t.records.update()
            .where(t.records.c.rid == row.rid)
            .values(
                state="withdrawn",
                revision=revision,
                hash=tombstone.digest,
                payload=store.blobs.pack(f"{source} record", tombstone.body),
            )
        )
        # The next time the upstream lists it, it must be read again even if its bytes are the same.
        connection.execute(t.documents.update().where(t.documents.c.did == row.did).values(mapping_version=0))
    set_revision(connection, revision)
    return len(rows)


def _count(connection: sa.Connection, run_id: int, counts: Mapping[str, int]) -> None:
    values: dict[str, Any] = {name: t.runs.c[name] + n for name, n in counts.items() if n}
    connection.execute(t.runs.update().where(t.runs.c.id == run_id).values(heartbeat_at=now(), **values))


def _keep_findings(connection: sa.Connection, run_id: int, findings: Findings) -> None:
    if not findings:
        return
    statement = insert(t.findings)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["run_id", "kind", "what"],
            set_={"count": t.findings.c.count + statement.excluded["count"]},
        ),
        [
            {"run_id": run_id, "kind": kind, "what": what, "count": count, "example": example}
            for (kind, what), (count, example) in findings.items()
        ],
    )


def _train(store: Store) -> None:
    """Train dictionaries that are due, and use them only once they are safely kept."""
    for id_, purpose, content in store.blobs.train():
        with store.transaction() as connection:
            # Two kinds of documents that look the same train the same dictionary; it is kept once.
            kept = insert(t.dictionaries).values(id=id_, purpose=purpose, content=content)
            connection.execute(kept.on_conflict_do_nothing())
        store.blobs.add(id_, purpose, content)


def _unread(store: Store, row: Row) -> Unread:
    return Unread(row.did, Raw(row.upstream_id, store.unpack(row.raw), row.media_type), row.hash)
