"""Subscriptions in the store: who wants to be told of which search, and up to where that was done.

`told` moves on only when a message was taken. What a message tells is fixed before it is sent (`until`), so
that after a crash the same message goes out again under the same id, and its receiver sees that it had it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from index import tables as t
from index.sql import Row, now, revision_of
from index.store import Store

WAITING, ACTIVE, ENDED, REFUSED, LOST = "waiting", "active", "ended", "refused", "lost"
"""Not confirmed yet; told; ended by its owner; the address would not have it; given up after days."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A search somebody wants to be told of."""

    id: str
    query: str
    """Parameters of a search, as in its address."""
    url: str
    secret: str
    token: str
    challenge: str
    state: str
    created_at: str
    told: int
    until: int | None = None
    failures: int = 0
    failing_since: str | None = None
    next_at: str | None = None
    error: str | None = None


def add(store: Store, new: Subscription, host: str) -> None:
    """Keep a new subscription."""
    with store.transaction() as connection:
        values = {name: getattr(new, name) for name in Subscription.__slots__}
        connection.execute(t.subscriptions.insert().values(**values, host=host))


def find(store: Store, *, token: str | None = None, challenge: str | None = None) -> Subscription | None:
    """Find the subscription a secret word belongs to."""
    column, word = (t.subscriptions.c.token, token) if token else (t.subscriptions.c.challenge, challenge)
    with store.reading() as connection:
        row = connection.execute(sa.select(t.subscriptions).where(column == word)).one_or_none()
    return _of(row) if row else None


def count(store: Store, *, host: str | None = None, since: str = "", states: Iterable[str] = ()) -> int:
    """Count subscriptions: to a host, made since a time, in some states."""
    query = sa.select(sa.func.count()).where(t.subscriptions.c.created_at >= since)
    if host is not None:
        query = query.where(t.subscriptions.c.host == host)
    if states:
        query = query.where(t.subscriptions.c.state.in_(list(states)))
    with store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def listed(store: Store) -> list[Subscription]:
    """List all that were not ended, the newest first."""
    query = sa.select(t.subscriptions).where(t.subscriptions.c.state != ENDED)
    with store.reading() as connection:
        rows = connection.execute(query.order_by(t.subscriptions.c.created_at.desc()))
        return [_of(row) for row in rows]


def behind(store: Store, revision: int, at: str) -> list[Subscription]:
    """List those that were not told up to a revision and may be told at this time."""
    s = t.subscriptions.c
    query = sa.select(t.subscriptions).where(
        s.state == ACTIVE, s.told < revision, sa.or_(s.next_at.is_(None), s.next_at <= at)
    )
    with store.reading() as connection:
        return [_of(row) for row in connection.execute(query.order_by(s.id))]


def confirm(store: Store, id_: str) -> bool:
    """Let a waiting subscription begin; False if it does not wait.

    It begins with what is harvested from now on, indexed or not: an index that is being made again would
    otherwise bring all that was ever harvested as news.
    """
    s = t.subscriptions.c
    with store.transaction() as connection:
        changed = connection.execute(
            t.subscriptions.update()
            .where(s.id == id_, s.state == WAITING)
            .values(state=ACTIVE, told=revision_of(connection))
        )
    return changed.rowcount == 1


def end(store: Store, id_: str, state: str = ENDED, error: str | None = None) -> None:
    """End a subscription; its secrets go, what is left tells how often an address was asked."""
    values = {"state": state, "error": error, "secret": "", "until": None, "next_at": None}
    with store.transaction() as connection:
        connection.execute(t.subscriptions.update().where(t.subscriptions.c.id == id_).values(**values))


def begin(store: Store, id_: str, until: int) -> None:
    """Write down what the next message tells, before it is sent."""
    _set(store, [id_], until=until)


def taken(store: Store, ids: Iterable[str], told: int) -> None:
    """Write down that all up to a revision was told, or that there was nothing to tell."""
    _set(store, ids, told=told, until=None, failures=0, failing_since=None, next_at=None, error=None)


def failed(store: Store, before: Subscription, next_at: str, error: str) -> None:
    """Write down that a message was not taken, and when to try again."""
    since = before.failing_since or now()
    _set(store, [before.id], failures=before.failures + 1, failing_since=since, next_at=next_at, error=error)


def rewind(store: Store, revision: int) -> None:
    """Where a backup was restored, begin again with what it holds: what was told beyond it is gone."""
    s = t.subscriptions.c
    with store.reading() as connection:
        if connection.execute(sa.select(s.id).where(s.told > revision).limit(1)).first() is None:
            return
    with store.transaction() as connection:
        connection.execute(
            t.subscriptions.update().where(s.told > revision).values(told=revision, until=None)
        )


def forget(store: Store, before: str) -> None:
    """Let go of those that were not confirmed, and of the rows of those that are over, since a time."""
    s = t.subscriptions.c
    is_over = sa.and_(s.state != ACTIVE, s.created_at < before)
    with store.reading() as connection:
        if connection.execute(sa.select(s.id).where(is_over).limit(1)).first() is None:
            return
    with store.transaction() as connection:
        connection.execute(t.subscriptions.delete().where(is_over))


def _set(store: Store, ids: Iterable[str], **values: object) -> None:
    s = t.subscriptions.c
    with store.transaction() as connection:
        for id_ in ids:
            connection.execute(
                t.subscriptions.update().where(s.id == id_, s.state == ACTIVE).values(**values)
            )


def _of(row: Row) -> Subscription:
    return Subscription(**{name: getattr(row, name) for name in Subscription.__slots__})
