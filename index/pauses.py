"""Sources that operators paused: nobody harvests them by schedule until somebody says go on.

A pause stops no run that is under way, and a source that is named on the command line is harvested all the
same: whoever names it means it.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from index import tables as t
from index.sql import now
from index.store import Store


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused a source, when and why."""

    why: str
    who: str
    at: str

    def in_words(self) -> str:
        """Say it in a clause."""
        return f"paused by {self.who} on {self.at[:10]}: {self.why}"


def pause(store: Store, source: str, *, why: str, who: str) -> bool:
    """Pause a source; False when it was paused already, which changes nothing."""
    with store.transaction() as connection:
        if source in pauses_in(connection):
            return False
        connection.execute(t.pauses.insert().values(source=source, why=why, who=who, at=now()))
        return True


def resume(store: Store, source: str) -> bool:
    """Let a source be harvested again; False when it was not paused."""
    with store.transaction() as connection:
        return connection.execute(t.pauses.delete().where(t.pauses.c.source == source)).rowcount > 0


def pauses(store: Store) -> dict[str, Pause]:
    """Answer the sources that are paused."""
    with store.reading() as connection:
        return pauses_in(connection)


def pauses_in(connection: sa.Connection) -> dict[str, Pause]:
    """Answer them within a transaction."""
    rows = connection.execute(sa.select(t.pauses).order_by(t.pauses.c.source))
    return {row.source: Pause(row.why, row.who, row.at) for row in rows}
