"""The rows of one transaction of readings: what is new, what changed, what stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from index import tables as t
from index.families import layer
from index.prepared import Prepared, buried
from index.sql import CHUNK, Row, in_chunks, insert_all, now, revision_of, set_revision
from index.store import Store


@dataclass(frozen=True, slots=True)
class Raw:
    """One document as it came: the upstream's id, the body, and what it is."""

    upstream_id: str
    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A document that waits to be read; the digest tells which bytes of it were."""

    did: int
    raw: Raw
    digest: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document: a record, or a reason to set it aside."""

    did: int
    digest: bytes
    record: Prepared | None
    reason: str | None = None
    only_if_held: bool = False
    """Outside of the scope: kept only if the store holds the record already."""


class Batch:
    """The rows of one transaction of readings."""

    def __init__(
        self,
        connection: sa.Connection,
        store: Store,
        source: str,
        origin: str,
        retrieved_at: str,
        mapping_version: int,
    ) -> None:
        self.connection, self.store, self.source, self.origin = connection, store, source, origin
        self.retrieved_at, self.mapping_version = retrieved_at, mapping_version
        self.revision = revision_of(connection)
        top = connection.execute(sa.select(sa.func.max(t.records.c.rid))).scalar_one()
        self.next_rid = (top or 0) + 1
        self.held: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()
        self.new: list[dict[str, Any]] = []
        self.changed: list[dict[str, Any]] = []
        self.old: list[dict[str, Any]] = []
        self.documents: list[dict[str, Any]] = []
        self.aside: list[dict[str, Any]] = []
        self.out: list[dict[str, Any]] = []
        self.renewed: list[tuple[int, Prepared]] = []

    def load(self, ids: list[str]) -> None:
        rows = in_chunks(self.connection, sa.select(t.records), t.records.c.id, ids)
        self.held = {row.id: row for row in rows}

    def take(self, outcome: Outcome) -> None:
        record, at = outcome.record, {"b_did": outcome.did, "b_digest": outcome.digest}
        if record is None:
            self.counts["quarantined"] += 1
            self.aside.append({**at, "reason": outcome.reason or "no record"})
        elif outcome.only_if_held and not self._holds(record.id):
            self.counts["out_of_scope"] += 1
            self.out.append(at)
        else:
            self.documents.append({**at, "b_record": record.id})
            self._take_record(outcome.did, record)

    def _holds(self, id_: str) -> bool:
        before = self.held.get(id_)
        return before is not None and before.state == "current"

    def _take_record(self, did: int, record: Prepared) -> None:
        before = self.held.get(record.id)
        if record.withdrawn and record.is_bare:
            if before is None or before.state == "withdrawn":
                self.counts["unchanged"] += 1  # never held, or known to be gone
                return
            record = buried(self.store.unpack(before.payload), record.withdrawn)
        if before is not None and before.state == record.state and before.hash == record.digest:
            self.counts["unchanged"] += 1
            return
        if before is not None and record.state == before.state == "withdrawn":
            self.counts["unchanged"] += 1  # a tombstone keeps its last copy
            return
        self.revision += 1
        row = {
            "did": did,
            "state": record.state,
            "revision": self.revision,
            "hash": record.digest,
            "payload": self.store.blobs.pack(f"{self.source} record", record.body),
            "origin": self.origin,
            "retrieved_at": self.retrieved_at,
            "mapping_version": self.mapping_version,
        }
        if before is None:
            rid = self.next_rid
            self.next_rid += 1
            self.new.append({"rid": rid, "id": record.id, "source": self.source, **row})
            self.counts["withdrawn" if record.withdrawn else "added"] += 1
        else:
            rid = before.rid
            self._close(before)
            self.changed.append({"b_rid": rid, **row})
            self.counts[_what_changed(before.state, record.state)] += 1
        self.held[record.id] = _Written(rid=rid, **row)
        self.renewed.append((rid, record))

    def _close(self, before: Row) -> None:
        """Keep the version before; of a restored record that is its tombstone."""
        self.old.append(
            {
                "rid": before.rid,
                "from_revision": before.revision,
                "to_revision": self.revision,
                "payload": before.payload,
            }
        )

    def write(self, run_id: int) -> None:
        execute = self.connection.execute
        if self.new:
            # A record that changed again in this batch is inserted as it ended.
            execute(t.records.insert(), self.new)
        if self.changed:
            execute(t.records.update().where(t.records.c.rid == sa.bindparam("b_rid")), self.changed)
        if self.old:
            execute(t.versions.insert(), self.old)
        self._write_identifiers()
        _mark_documents(execute, self.documents, self.out, self.mapping_version)
        if self.aside:
            _set_aside(self.connection, self.aside, run_id, self.mapping_version)
        set_revision(self.connection, self.revision)

    def _write_identifiers(self) -> None:
        known = {row["rid"] for row in self.new}
        stale = [{"b_rid": rid} for rid, _ in self.renewed if rid not in known]
        for table in (t.identifiers, t.links) if stale else ():
            self.connection.execute(table.delete().where(table.c.rid == sa.bindparam("b_rid")), stale)
        last = dict(self.renewed)
        own = [(rid, *pair) for rid, record in last.items() for pair in record.identifiers]
        out = [(rid, *link) for rid, record in last.items() for link in record.links]
        insert_all(self.connection, t.identifiers, ("rid", "scheme", "value"), own)
        insert_all(self.connection, t.links, ("rid", "relation", "scheme", "value"), out)
        claims = {rid: record.claims for rid, record in last.items()}
        self.revision = layer.renew(self.connection, claims, self.revision)


class _Written:
    """A record of this batch, in the shape of a row that was read."""

    def __init__(self, **columns: Row) -> None:
        self.__dict__.update(columns)


def _what_changed(before: str, after: str) -> str:
    if after == "withdrawn":
        return "withdrawn"
    return "restored" if before == "withdrawn" else "changed"


def _mark_documents(
    execute: Callable[..., object],
    read: list[dict[str, Any]],
    out: list[dict[str, Any]],
    version: int,
) -> None:
    if read:
        marks = {"state": "read", "mapping_version": version, "record_id": sa.bindparam("b_record")}
        execute(_as_read().values(marks), read)
    if out:
        execute(_as_read().values(state="out_of_scope", mapping_version=version, raw=None), out)
    freed = [row["b_did"] for row in (*read, *out)]
    for start in range(0, len(freed), CHUNK):
        execute(t.quarantine.delete().where(t.quarantine.c.did.in_(freed[start : start + CHUNK])))


def _as_read() -> sa.Update:
    """Update a document unless its upstream sent other bytes while we read these; those wait, unread."""
    at = t.documents.c.did == sa.bindparam("b_did")
    return t.documents.update().where(at, t.documents.c.hash == sa.bindparam("b_digest"))


def _set_aside(connection: sa.Connection, aside: list[dict[str, Any]], run_id: int, version: int) -> None:
    at = now()
    dids = [row["b_did"] for row in aside]
    rows = {row.did: row for row in in_chunks(connection, sa.select(t.documents), t.documents.c.did, dids)}
    statement = insert(t.quarantine)
    updated = {name: statement.excluded[name] for name in ("reason", "last_at", "run_id", "mapping_version")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["did"], set_=updated),
        [
            {
                "did": row["b_did"],
                "source": rows[row["b_did"]].source,
                "upstream_id": rows[row["b_did"]].upstream_id,
                "reason": row["reason"],
                "first_at": at,
                "last_at": at,
                "run_id": run_id,
                "mapping_version": version,
            }
            for row in aside
        ],
    )
    marks = [{"b_did": row["b_did"], "b_digest": row["b_digest"]} for row in aside]
    connection.execute(_as_read().values(state="quarantined", mapping_version=version), marks)
