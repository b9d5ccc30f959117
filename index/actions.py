"""What operators did: a log that is only ever added to.

An action that takes long has two rows, one when it began and one when it ended; the second names the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import sqlalchemy as sa

from index import tables as t
from index.sql import inserted_id, now
from index.store import Store

Outcome: TypeAlias = Literal["done", "refused", "begun", "ended"]


@dataclass(frozen=True, slots=True)
class Action:
    """Something an operator did, or tried to do."""

    who: str
    where_from: str
    """Address of the client, or "command line"."""
    action: str
    about: str
    why: str = ""
    outcome: Outcome = "done"
    told: str = ""
    """What came of it, in a sentence."""
    begun_by: int | None = None
    number: int = 0
    at: str = ""


def note(store: Store, action: Action) -> Action:
    """Add an action to the log; answer it with its number and time."""
    noted = replace(action, at=now())
    columns = {name: getattr(noted, name) for name in Action.__slots__ if name != "number"}
    with store.transaction() as connection:
        number = inserted_id(connection.execute(t.actions.insert().values(**columns)))
    return replace(noted, number=number)


def actions(store: Store, size: int, *, before: int | None = None) -> list[Action]:
    """List actions, the newest first.

    Args:
        store: where the log is.
        size: how many at most.
        before: only those with a lower number.
    """
    query = sa.select(t.actions).order_by(t.actions.c.id.desc()).limit(size)
    if before is not None:
        query = query.where(t.actions.c.id < before)
    with store.reading() as connection:
        return [
            Action(
                **{name: getattr(row, name) for name in Action.__slots__ if name != "number"}, number=row.id
            )
            for row in connection.execute(query)
        ]
