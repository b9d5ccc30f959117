"""The ledger of runs, and where each source's harvest stands.

A harvest may take several runs: a run that was killed or refused leaves its bookmark, and the next run
of the same kind and scope goes on from there. A harvest is complete when its last run is.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import sqlalchemy as sa

from index import intake
from index import tables as t
from index.sql import Row, inserted_id, now
from index.store import Store

SILENT_FOR = timedelta(seconds=60)
"""A run on another machine that has not stirred for so long is taken for lost."""

OVERLAP = timedelta(days=1)
"""A harvest of changes asks again for the last day: upstreams index late, and clocks differ."""

ENDED_WELL = "complete"

_UNDER_WAY: set[tuple[Path, int]] = set()
"""Runs of this process. Its number alone does not tell them from runs that it lost."""


class Busy(Exception):  # the name says what is wrong
    """Another process harvests this source just now."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that has begun."""

    run_id: int
    harvest_run: int
    """The first run of the harvest; what later runs of it did not see, it did not list."""
    bookmark: str | None
    since: datetime | None
    displaces: str | None = None
    """The origin of the records held, when it is another one: they stay until `make_room`."""


def begin(  # noqa: PLR0913  # a run is these facts
    store: Store,
    source: str,
    *,
    origin: str,
    scope: str,
    kind: str,
    card: Mapping[str, str] | None = None,
    code: str | None = None,
) -> Begun:
    """Begin a run, or go on with the harvest that an earlier run left unfinished.

    A run of another origin than what is held leaves all of that as it is, bookmark and watermark too, and
    takes neither up: its upstream may not answer at all.

    Args:
        store: where the ledger is.
        source: which source.
        origin: live or replica.
        scope: imaging or everything.
        kind: full, changes or sample.
        card: what the source says about itself.
        code: the version of the program that reads: a mapping's number alone does not tell its faults.

    Raises:
        Busy: another live process harvests the source.
    """
    with store.transaction() as connection:
        _clear_dead_runs(store, connection, source)
        row = connection.execute(sa.select(t.sources).where(t.sources.c.name == source)).one_or_none()
        if row is None:
            connection.execute(t.sources.insert().values(name=source, origin=origin, scope=scope))
        displaces = row.origin if row is not None and row.origin != origin else None
        if displaces is not None:
            row = None
        elif row is not None and row.scope != scope:
            connection.execute(
                t.documents.delete().where(
                    t.documents.c.source == source, t.documents.c.state == "out_of_scope"
                )
            )
            # What was seen in another scope says nothing of this one: its first harvest is of everything.
            anew = {"since": None, "complete_at": None}
            connection.execute(t.sources.update().where(t.sources.c.name == source).values(**anew))
        resumes = _unfinished(row, kind, scope)
        since = row.since if row is not None and kind == "changes" and row.scope == scope else None
        run_id = inserted_id(
            connection.execute(
                t.runs.insert().values(
                    source=source,
                    origin=origin,
                    scope=scope,
                    kind=kind,
                    state="running",
                    started_at=now(),
                    heartbeat_at=now(),
                    worker=_worker(),
                    since=since,
                    window_from=since,
                    code=code,
                )
            )
        )
        fresh = {"bookmark": None, "harvest_began": None, "harvest_run": run_id}
        if displaces is None:
            connection.execute(
                t.sources.update()
                .where(t.sources.c.name == source)
                .values(scope=scope, harvest_kind=kind, card=_card(card), **({} if resumes else fresh))
            )
        _UNDER_WAY.add((store.path, run_id))
        return Begun(
            run_id,
            resumes.harvest_run if resumes else run_id,
            resumes.bookmark if resumes else None,
            _moment(since),
            displaces,
        )


def make_room(store: Store, run_id: int, card: Mapping[str, str] | None = None) -> int:
    """Forget what is held of another origin than a run's, now that its upstream has answered.

    Replica records and live ones never stand beside each other; where they came from is the source's.

    Returns:
        How many records were forgotten.
    """
    with store.transaction() as connection:
        run = connection.execute(sa.select(t.runs).where(t.runs.c.id == run_id)).one()
        forgotten = intake.forget_in(connection, run.source)
        connection.execute(
            t.sources.insert().values(
                name=run.source,
                origin=run.origin,
                scope=run.scope,
                harvest_kind=run.kind,
                harvest_run=run_id,
                card=_card(card),
            )
        )
        return forgotten


def _card(card: Mapping[str, str] | None) -> str:
    return orjson.dumps(dict(card or {})).decode()


def _unfinished(row: Row, kind: str, scope: str) -> Row | None:
    """Answer a source's row when it has a harvest of this kind and scope to go on with."""
    if row is None or row.bookmark is None:
        return None
    return row if (row.harvest_kind, row.scope) == (kind, scope) else None


def beat(store: Store, run_id: int) -> None:
    """Say that a run is alive."""
    with store.transaction() as connection:
        connection.execute(t.runs.update().where(t.runs.c.id == run_id).values(heartbeat_at=now()))


def is_cancel_asked(store: Store, run_id: int) -> bool:
    """Tell whether somebody wants a run to stop."""
    query = sa.select(t.runs.c.cancel_asked).where(t.runs.c.id == run_id)
    with store.reading() as connection:
        return bool(connection.execute(query).scalar_one())


def cancel(store: Store, source: str) -> int | None:
    """Ask the run of a source that is under way to stop; answer its number, or None when there is none."""
    with store.transaction() as connection:
        with suppress(Busy):
            _clear_dead_runs(store, connection, source)
        running = sa.and_(t.runs.c.source == source, t.runs.c.state == "running")
        run_id = connection.execute(sa.select(t.runs.c.id).where(running)).scalar()
        connection.execute(t.runs.update().where(running).values(cancel_asked=1))
        return run_id


def begin_anew(store: Store, source: str) -> None:
    """Let the next run begin its harvest at the start, whatever this one has come to."""
    with store.transaction() as connection:
        fresh = {"bookmark": None, "harvest_began": None, "harvest_run": None}
        connection.execute(t.sources.update().where(t.sources.c.name == source).values(**fresh))


def end(
    store: Store,
    run_id: int,
    *,
    state: str,
    error: str | None = None,
    traffic: Mapping[str, float] | None = None,
) -> None:
    """End a run; a complete one closes the harvest and moves the source's watermark."""
    _UNDER_WAY.discard((store.path, run_id))
    with store.transaction() as connection:
        run = connection.execute(sa.select(t.runs).where(t.runs.c.id == run_id)).one()
        source = connection.execute(sa.select(t.sources).where(t.sources.c.name == run.source)).one()
        is_its_own = source.origin == run.origin  # else no page came, and what is held is of another origin
        connection.execute(
            t.runs.update()
            .where(t.runs.c.id == run_id)
            .values(
                state=state,
                error=error,
                ended_at=now(),
                announced=source.announced if is_its_own else None,
                window_until=source.harvest_began if run.kind == "changes" else None,
                **(traffic or {}),
            )
        )
        if state != ENDED_WELL or not is_its_own:
            return
        began = source.harvest_began or run.started_at
        closed = {"bookmark": None, "harvest_began": None, "harvest_run": None, "fresh_at": began}
        if run.kind != "sample":
            moment = datetime.fromisoformat(began) - OVERLAP
            closed["since"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        if run.kind == "full":
            closed["complete_at"] = now()
        connection.execute(t.sources.update().where(t.sources.c.name == run.source).values(**closed))


def _clear_dead_runs(store: Store, connection: sa.Connection, source: str) -> None:
    query = sa.select(t.runs).where(t.runs.c.source == source, t.runs.c.state == "running")
    for run in connection.execute(query).all():
        silent = datetime.now(UTC) - datetime.fromisoformat(run.heartbeat_at)
        is_ours = run.worker == _worker() and (store.path, run.id) in _UNDER_WAY
        if is_ours or _alive(run.worker, silent):
            message = f"run {run.id} of {source} is under way ({run.worker}); wait for it or stop it"
            raise Busy(message)
        connection.execute(
            t.runs.update()
            .where(t.runs.c.id == run.id)
            .values(state="lost", ended_at=now(), error="the process ended without a word")
        )


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{_born(os.getpid())}"


def _alive(worker: str, silent: timedelta) -> bool:
    host, _, process = worker.partition(":")
    if host != socket.gethostname():
        return silent < SILENT_FOR
    pid, _, born = process.partition(":")
    return int(pid) != os.getpid() and _born(int(pid)) == born


def _born(pid: int) -> str:
    """Answer when a process started, since numbers are used again; "" when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[19]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "unknown"
    return "unknown"


def _moment(stamp: str | None) -> datetime | None:
    return datetime.fromisoformat(stamp) if stamp else None


def begin_reread(store: Store, source: str, *, origin: str, scope: str, code: str | None = None) -> int:
    """Begin a run that reads stored documents again; it takes no part in harvests."""
    with store.transaction() as connection:
        _clear_dead_runs(store, connection, source)
        inserted = connection.execute(
            t.runs.insert().values(
                source=source,
                origin=origin,
                scope=scope,
                kind="reread",
                state="running",
                started_at=now(),
                heartbeat_at=now(),
                worker=_worker(),
                code=code,
            )
        )
        return inserted_id(inserted)


def end_reread(store: Store, run_id: int) -> None:
    """End such a run."""
    with store.transaction() as connection:
        connection.execute(
            t.runs.update().where(t.runs.c.id == run_id).values(state="complete", ended_at=now())
        )
