"""What the ledger tells of each source's past, for whoever must know when it is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from index import tables as t
from index.pauses import Pause, pauses_in
from index.sql import plain
from index.store import Store

FAILED = frozenset({"partial", "refused", "changed", "lost"})
"""States of a run that did not do what it should; a canceled one did what somebody asked for."""

HARVESTS = ("full", "changes")
"""Kinds of runs that bring a source up to date; a sample does not, reading again asks nobody."""

LOOKED_BACK = 40
"""Runs of a source to look at. Of failures in a row a dozen are as many as forty: a retry waits no longer."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a source's runs."""

    state: str | None
    """How the last run ended, or "running"."""
    ended_at: datetime | None
    """When it ended; of a run under way when it last stirred."""
    fresh_at: datetime | None
    """When the last run began that completed a harvest, by our clock; samples do not count."""
    failures: int
    """Runs in a row that failed, up to now."""
    is_stopped: bool
    """Somebody asked the last run to stop."""
    first_at: datetime | None
    """When the oldest of the runs looked at began."""
    error: str | None
    origin: str | None = None
    """Of the last run; what is held may be of another, while that run's upstream has not answered."""
    paused: str | None = None
    """Who paused the source, when and why."""


@dataclass(frozen=True, slots=True)
class Harvest:
    """A harvest that came to its end."""

    began: datetime
    """When the run began that completed it: what changed upstream since is not in it."""
    ended: datetime


def pasts(store: Store, source: str | None = None) -> dict[str, Past]:
    """Answer the past of one source, or of every one that was ever harvested."""
    query = sa.select(t.sources.c.name)
    if source is not None:
        query = query.where(t.sources.c.name == source)
    with store.reading() as connection:
        names = connection.execute(query).scalars().all()
        paused = pauses_in(connection)
        return {name: _past(connection, name, paused.get(name)) for name in names}


def completed(store: Store, source: str, after: datetime) -> list[Harvest]:
    """List the harvests that were completed after a moment, and the one before it, oldest first.

    Returns:
        Those of the origin that is held, as nothing of another is; none where nothing is fresh.
    """
    found = list[Harvest]()
    with store.reading() as connection:
        for run in connection.execute(_done(source)):
            found.append(Harvest(_moment(run.started_at), _moment(run.ended_at)))
            if found[-1].ended <= after:
                break
    return found[::-1]


def runs_after(store: Store, source: str, run_id: int) -> list[dict[str, Any]]:
    """List the harvests of a source that ended after a certain one, oldest first."""
    query = (
        sa.select(t.runs)
        .where(
            t.runs.c.source == source,
            t.runs.c.id > run_id,
            t.runs.c.kind != "reread",
            t.runs.c.state != "running",
        )
        .order_by(t.runs.c.id)
    )
    with store.reading() as connection:
        return [plain(row) for row in connection.execute(query)]


def note_schedules(store: Store, schedules: Mapping[str, str]) -> None:
    """Write down how often each source is due here, for those who cannot ask the harvester."""
    with store.transaction() as connection:
        for row in connection.execute(sa.select(t.sources.c.name, t.sources.c.card)).all():
            card = orjson.loads(row.card or b"{}")
            if row.name in schedules and card.get("schedule") != schedules[row.name]:
                written = orjson.dumps({**card, "schedule": schedules[row.name]}).decode()
                connection.execute(
                    t.sources.update().where(t.sources.c.name == row.name).values(card=written)
                )


def _past(connection: sa.Connection, source: str, paused: Pause | None) -> Past:
    own = (t.runs.c.source == source) & (t.runs.c.kind != "reread")
    newest = sa.select(t.runs).where(own).order_by(t.runs.c.id.desc())
    rows = connection.execute(newest.limit(LOOKED_BACK)).all()
    fresh = connection.execute(_done(source).limit(1)).one_or_none()
    last = rows[0] if rows else None
    return Past(
        state=last.state if last else None,
        ended_at=_moment(last.ended_at or last.heartbeat_at) if last else None,
        fresh_at=_moment(fresh.started_at) if fresh else None,
        failures=_failures([row.state for row in rows]),
        is_stopped=bool(last.cancel_asked) if last else False,
        first_at=_moment(rows[-1].started_at) if rows else None,
        error=last.error if last else None,
        origin=last.origin if last else None,
        paused=paused.in_words() if paused else None,
    )


def _done(source: str) -> sa.Select[Any]:
    """Select the complete harvests of what is held of a source, newest first."""
    # Records that made room for those of another origin took the watermark with them: nothing is fresh.
    held = (
        sa.select(t.sources.c.origin)
        .where(t.sources.c.name == source, t.sources.c.since.is_not(None))
        .scalar_subquery()
    )
    return (
        sa.select(t.runs)
        .where(
            t.runs.c.source == source,
            t.runs.c.state == "complete",
            t.runs.c.kind.in_(HARVESTS),
            t.runs.c.origin == held,
        )
        .order_by(t.runs.c.id.desc())
    )


def _failures(states: list[str]) -> int:
    """Count failures from the newest on; a run under way or stopped on the way tells nothing yet."""
    count = 0
    for state in states:
        if state in FAILED:
            count += 1
        elif state == "complete":
            break
    return count


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)
