"""The rows of one transaction of readings: what is new, what changed, what stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from index import tables as t
from index.record import Record, Withdrawal
from index.store import Row, Store, in_chunks, now, revision_of

NOT_IN_PAYLOAD = {"retrieved_at", "mapping_version"}
"""Facts about our reading rather than the data set; a change of them alone changes no record."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document: a record, out of scope, or a reason to set it aside."""

    did: int
    record: Record | None
    reason: str | None = None


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
        self.renewed: list[tuple[int, Record]] = []

    def load(self, ids: list[str]) -> None:
        rows = in_chunks(self.connection, sa.select(t.records), t.records.c.id, ids)
        self.held = {row.id: row for row in rows}

    def take(self, outcome: Outcome) -> None:
        record = outcome.record
        if outcome.reason is not None:
            self.counts["quarantined"] += 1
            self.aside.append({"did": outcome.did, "reason": outcome.reason})
        elif record is None:
            self.counts["out_of_scope"] += 1
            self.out.append({"b_did": outcome.did})
        else:
            self.documents.append({"b_did": outcome.did, "b_record": record.id})
            self._take_record(outcome.did, record)

    def _take_record(self, did: int, record: Record) -> None:
        before = self.held.get(record.id)
        if record.withdrawn and record.title is None:
            if before is None or before.state == "withdrawn":
                self.counts["unchanged"] += 1  # never held, or known to be gone
                return
            last = Record.model_validate_json(self.store.unpack(before.payload))
            record = buried(last, record.withdrawn)
        body = body_of(record)
        digest = blake2b(body, digest_size=16).digest()
        state = "withdrawn" if record.withdrawn else "current"
        if before is not None and before.state == state and before.hash == digest:
            self.counts["unchanged"] += 1
            return
        if before is not None and state == before.state == "withdrawn":
            self.counts["unchanged"] += 1  # a tombstone keeps its last copy
            return
        self.revision += 1
        row = {
            "did": did,
            "state": state,
            "revision": self.revision,
            "hash": digest,
            "payload": self.store.blobs.pack(f"{self.source} record", body),
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
            self.counts[_what_changed(before.state, state)] += 1
        self.held[record.id] = _Written(rid=rid, **row)
        self.renewed.append((rid, record))

    def _close(self, before: Row) -> None:
        if before.state == "current":
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
        own = [row for rid, record in last.items() for row in _identifier_rows(rid, record)]
        out = [row for rid, record in last.items() for row in _link_rows(rid, record)]
        if own:
            self.connection.execute(t.identifiers.insert(), own)
        if out:
            self.connection.execute(t.links.insert(), out)


class _Written:
    """A record of this batch, in the shape of a row that was read."""

    def __init__(self, **columns: Row) -> None:
        self.__dict__.update(columns)


def _what_changed(before: str, after: str) -> str:
    if after == "withdrawn":
        return "withdrawn"
    return "restored" if before == "withdrawn" else "changed"


def _identifier_rows(rid: int, record: Record) -> Iterator[dict[str, Any]]:
    pairs = {(identifier.scheme, identifier.value) for identifier in record.identifiers}
    pairs |= {("doi", doi) for doi in (record.doi, record.concept_doi) if doi}
    for scheme, value in pairs:
        yield {"rid": rid, "scheme": scheme, "value": value}


def _link_rows(rid: int, record: Record) -> Iterator[dict[str, Any]]:
    rows: set[tuple[str, str | None, str]] = {
        (other.relation, other.scheme, other.id) for other in record.related
    }
    for paper in record.publications:
        for scheme, value in (("doi", paper.doi), ("pmid", paper.pmid), ("pmcid", paper.pmcid)):
            if value:
                rows.add(("IsSupplementTo", scheme, value))
    for relation, kind, other_id in rows:
        yield {"rid": rid, "relation": relation, "scheme": kind, "value": other_id}


def _mark_documents(
    execute: Callable[..., object],
    read: list[dict[str, Any]],
    out: list[dict[str, Any]],
    version: int,
) -> None:
    at = t.documents.c.did == sa.bindparam("b_did")
    if read:
        execute(
            t.documents.update()
            .where(at)
            .values(state="read", mapping_version=version, record_id=sa.bindparam("b_record")),
            read,
        )
        execute(t.quarantine.delete().where(t.quarantine.c.did == sa.bindparam("b_did")), read)
    if out:
        execute(
            t.documents.update().where(at).values(state="out_of_scope", mapping_version=version, raw=None),
            out,
        )


def _set_aside(connection: sa.Connection, aside: list[dict[str, Any]], run_id: int, version: int) -> None:
    at = now()
    dids = [row["did"] for row in aside]
    rows = {row.did: row for row in in_chunks(connection, sa.select(t.documents), t.documents.c.did, dids)}
    statement = insert(t.quarantine)
    updated = {name: statement.excluded[name] for name in ("reason", "last_at", "run_id", "mapping_version")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["did"], set_=updated),
        [
            {
                "did": row["did"],
                "source": rows[row["did"]].source,
                "upstream_id": rows[row["did"]].upstream_id,
                "reason": row["reason"],
                "first_at": at,
                "last_at": at,
                "run_id": run_id,
                "mapping_version": version,
            }
            for row in aside
        ],
    )
    connection.execute(
        t.documents.update()
        .where(t.documents.c.did == sa.bindparam("b_did"))
        .values(state="quarantined", mapping_version=version),
        [{"b_did": did} for did in dids],
    )


def buried(last: Record, withdrawal: Withdrawal) -> Record:
    """Make a tombstone that keeps the last copy."""
    return last.model_copy(update={"withdrawn": withdrawal, "access": "closed"})


def set_revision(connection: sa.Connection, revision: int) -> None:
    connection.execute(t.meta.update().where(t.meta.c.key == "revision").values(value=str(revision)))


def body_of(record: Record) -> bytes:
    """Write a record down as it is kept: without empty fields and without facts about our reading."""
    return record.model_dump_json(exclude_defaults=True, exclude=NOT_IN_PAYLOAD).encode()
