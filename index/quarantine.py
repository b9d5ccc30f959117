"""The quarantine: documents that could not be read, kept whole with the reason until they can be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from index import tables as t
from index.batch import Raw, Unread
from index.sql import plain
from index.store import Store

_PARTICULAR = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"|\d[\d.,:/-]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents are meant; None means every one."""

    source: str | None = None
    reason: str | None = None
    """Part of the reason, whatever the case."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Part of the quarantine, with counts over all that was asked for."""

    total: int
    reasons: list[dict[str, Any]]
    """Source, shape of the reason, count and one document; most frequent first."""
    documents: list[dict[str, Any]]
    next: int | None
    """The number after which the next part begins; None when this was the last."""


def listing(store: Store, wanted: Wanted, *, size: int, after: int = 0) -> Listing:
    """List documents set aside, by their numbers."""
    row = t.quarantine.c
    query = _about(wanted, sa.select(t.quarantine)).where(row.did > after).order_by(row.did).limit(size + 1)
    grouped = _about(wanted, sa.select(row.source, row.reason, sa.func.count(), sa.func.min(row.did)))
    with store.reading() as connection:
        counted = connection.execute(grouped.group_by(row.source, row.reason)).all()
        rows = [plain(found) for found in connection.execute(query)]
    total = sum(count for _, _, count, _ in counted)
    more = rows[size - 1]["did"] if len(rows) > size else None
    return Listing(total, _by_shape([(s, r, n, did) for s, r, n, did in counted]), rows[:size], more)


def find(store: Store, did: int) -> dict[str, Any] | None:
    """Answer one document set aside: why, when, by which run and code, and its text as it came.

    `raw` is None when the text itself was lost; `code` is None for a run of before versions were noted.
    """
    held = t.documents.c
    query = (
        sa.select(t.quarantine, held.raw, held.media_type, held.kept_at, t.runs.c.code)
        .join(t.documents, held.did == t.quarantine.c.did)
        .outerjoin(t.runs, t.runs.c.id == t.quarantine.c.run_id)
        .where(t.quarantine.c.did == did)
    )
    with store.reading() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return {**plain(row), "raw": store.unpack(row.raw) if row.raw else None}


def documents(store: Store, wanted: Wanted, batch: int) -> Iterator[list[Unread]]:
    """Walk the documents set aside whose text is kept, for reading them again."""
    held, last = t.documents.c, 0
    query = _about(wanted, sa.select(t.documents).join(t.quarantine, t.quarantine.c.did == held.did))
    query = query.where(held.raw.is_not(None), held.state == "quarantined").order_by(held.did).limit(batch)
    while True:
        with store.reading() as connection:
            rows = connection.execute(query.where(held.did > last)).all()
        if not rows:
            return
        last = rows[-1].did
        yield [
            Unread(row.did, Raw(row.upstream_id, store.unpack(row.raw), row.media_type), row.hash)
            for row in rows
        ]


def shape(reason: str) -> str:
    """Leave out of a reason what is particular to one document, so that equal faults count together."""
    return _PARTICULAR.sub("…", reason)


def _about(wanted: Wanted, query: sa.Select[Any]) -> sa.Select[Any]:
    row = t.quarantine.c
    if wanted.source is not None:
        query = query.where(row.source == wanted.source)
    if wanted.reason is not None:  # instr, since LIKE would read % and _ in a reason as wildcards
        query = query.where(sa.func.instr(sa.func.lower(row.reason), sa.func.lower(wanted.reason)) > 0)
    return query


def _by_shape(counted: list[tuple[str, str, int, int]]) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], int] = {}
    for source, reason, count, did in counted:
        key = source, shape(reason)
        counts[key] += count
        first[key] = min(did, first.get(key, did))
    return [
        {"source": source, "reason": reason, "count": count, "example": first[source, reason]}
        for (source, reason), count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
