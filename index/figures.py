"""Figures of a store for those who watch a node: they come from the store, so a restart changes none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from index import tables as t
from index.sql import plain, revision_of
from index.store import Store

OUTCOMES = (
    "seen", "added", "changed", "unchanged", "withdrawn", "restored", "quarantined", "out_of_scope",
)  # fmt: skip
"""What becomes of documents in a run: columns of `runs`."""


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What is held of a source, and its last harvest."""

    origin: str
    fresh_at: str | None
    records: Mapping[str, int]
    """Records by state, and documents in quarantine as `quarantined`."""
    run: Mapping[str, Any] | None
    """The last run that was no reading again, as the ledger has it."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is held."""

    revision: int
    sources: Mapping[str, SourceFigures]


def figures(store: Store) -> Figures:
    """Gather the figures of a store."""
    latest = sa.select(sa.func.max(t.runs.c.id)).where(t.runs.c.kind != "reread").group_by(t.runs.c.source)
    counts = store.counts()
    with store.reading() as connection:
        runs = {
            row.source: plain(row)
            for row in connection.execute(sa.select(t.runs).where(t.runs.c.id.in_(latest)))
        }
        sources = connection.execute(sa.select(t.sources).order_by(t.sources.c.name)).all()
        revision = revision_of(connection)
    return Figures(
        revision,
        {
            row.name: SourceFigures(row.origin, row.fresh_at, counts.get(row.name, {}), runs.get(row.name))
            for row in sources
        },
    )


def waiting_since(store: Store, indexed: int) -> str | None:
    """Answer when the first change was made that an index at a revision has not got; None when it has all."""
    query = (
        sa.select(t.moments.c.at)
        .where(t.moments.c.revision > indexed)
        .order_by(t.moments.c.revision)
        .limit(1)
    )
    with store.reading() as connection:
        return connection.execute(query).scalar()
