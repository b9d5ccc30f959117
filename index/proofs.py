"""How complete a source is: what is held beside what the upstream and others say there is.

A proof is written after a harvest. Where the harvest listed everything, missing and extra are known by id;
after a harvest of changes only by number, where the upstream tells a total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson
import sqlalchemy as sa

from index import tables as t
from index.sql import now
from index.store import Store

State = Literal["complete", "listed", "short", "over", "unknown"]
"""All that was announced is here; all that was listed is here, no number was announced; some is missing;
there is more here than upstream; nobody tells."""

EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says an upstream holds; None when he could not be asked."""

    by: str
    counts: str
    total: int | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """How complete a source was found to be."""

    source: str
    at: str
    state: State
    ours: int
    announced: int | None
    independent: int | None
    independent_by: str | None
    missing: int | None
    extra: int | None
    examples: dict[str, list[str]]
    note: str | None

    def in_words(self) -> str:
        """Say it in a few words."""
        match self.state:
            case "complete":
                return f"all {self.announced:,}"
            case "listed":
                return f"all {self.ours:,} that were listed"
            case "short":
                return f"{self.missing:,} missing"
            case "over":
                return f"{self.extra:,} too many"
            case "unknown":
                return "not told"


def prove(
    store: Store,
    source: str,
    run_id: int,
    *,
    claims: Sequence[Claim],
    listed_since: int | None,
    announced: int | None,
) -> Proof:
    """Compare what is held with what is claimed, and keep the result.

    Args:
        store: holds the source.
        source: its name.
        run_id: the run that was completed.
        claims: what others say.
        listed_since: the first run of a harvest that listed everything; None after a harvest of changes.
        announced: what the list itself said it holds, if it did.
    """
    whole = listed_since is not None
    own = next((claim.total for claim in claims if claim.is_own), None)
    other = next((claim for claim in claims if not claim.is_own and claim.total is not None), None)
    announced = own if announced is None else announced
    with store.transaction() as connection:
        held, missing = _held(connection, source), _aside(connection, source)
        extra: list[str] = []
        if listed_since is not None:
            extra = _not_listed(connection, source, listed_since)
        short = max(0, announced - held) if announced is not None else None
        over = max(0, held - announced) if announced is not None and not whole else len(extra)
        proof = Proof(
            source,
            now(),
            _state(announced, whole, (short or 0) + len(missing), over),
            held,
            announced,
            other.total if other else None,
            f"{other.by}: {other.counts}" if other else None,
            None if short is None and not whole else (short or 0) + len(missing),
            over if announced is not None or whole else None,
            {"missing": missing[:EXAMPLES], "extra": extra[:EXAMPLES]},
            _note(claims),
        )
        connection.execute(
            t.proofs.insert().values(
                source=source,
                run_id=run_id,
                at=proof.at,
                state=proof.state,
                ours=proof.ours,
                announced=proof.announced,
                independent=proof.independent,
                independent_by=proof.independent_by,
                missing=proof.missing,
                extra=proof.extra,
                examples=orjson.dumps(proof.examples).decode(),
                note=proof.note,
            )
        )
    return proof


def newest(store: Store) -> dict[str, Proof]:
    """Answer the newest proof of each source."""
    last = sa.select(sa.func.max(t.proofs.c.id)).group_by(t.proofs.c.source)
    query = sa.select(t.proofs).where(t.proofs.c.id.in_(last))
    with store.reading() as connection:
        return {
            row.source: Proof(
                row.source,
                row.at,
                row.state,
                row.ours,
                row.announced,
                row.independent,
                row.independent_by,
                row.missing,
                row.extra,
                orjson.loads(row.examples),
                row.note,
            )
            for row in connection.execute(query)
        }


def _state(announced: int | None, whole: bool, missing: int, extra: int) -> State:
    if announced is None and not whole:
        return "unknown"
    if missing:
        return "short"
    if extra:
        return "over"
    return "listed" if announced is None else "complete"


def _held(connection: sa.Connection, source: str) -> int:
    """Count documents that are here and were not withdrawn."""
    gone = sa.select(t.records.c.did).where(t.records.c.source == source, t.records.c.state != "current")
    query = sa.select(sa.func.count()).where(t.documents.c.source == source, t.documents.c.did.not_in(gone))
    return int(connection.execute(query).scalar_one())


def _aside(connection: sa.Connection, source: str) -> list[str]:
    """List documents that are here and cannot be searched: quarantined, or not read yet."""
    states = t.documents.c.state.in_(("unread", "quarantined"))
    query = sa.select(t.documents.c.upstream_id).where(t.documents.c.source == source, states)
    return list(connection.execute(query.order_by(t.documents.c.upstream_id)).scalars())


def _not_listed(connection: sa.Connection, source: str, began: int) -> list[str]:
    """List records whose documents a harvest of everything did not list."""
    query = (
        sa.select(t.records.c.id)
        .join(t.documents, t.documents.c.did == t.records.c.did)
        .where(
            t.records.c.source == source,
            t.records.c.state == "current",
            t.documents.c.seen_run < began,
        )
        .order_by(t.records.c.id)
    )
    return list(connection.execute(query).scalars())


def _note(claims: Sequence[Claim]) -> str | None:
    silent = [claim.by for claim in claims if claim.total is None]
    return f"could not be asked: {', '.join(silent)}" if silent else None
