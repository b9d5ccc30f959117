"""What alerts have told, so that a restart does not tell it twice."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import sqlalchemy as sa

from index import tables as t
from index.sql import now
from index.store import Store


def told(store: Store) -> dict[str, str]:
    """Answer what was noted, by what it is about."""
    with store.reading() as connection:
        return {row.about: row.state for row in connection.execute(sa.select(t.told))}


def told_by(store: Store) -> dict[str, tuple[int, int]]:
    """Answer how many messages each channel took, and how many tries failed."""
    found = {}
    for about, state in told(store).items():
        if "/" not in about:  # with a slash it is what a channel knows of a source
            counts = orjson.loads(state)
            found[about] = counts["sent"], counts["failed"]
    return found


def note(store: Store, states: Mapping[str, str]) -> None:
    """Write down what was told, all or nothing."""
    with store.transaction() as connection:
        for about, state in states.items():
            connection.execute(t.told.delete().where(t.told.c.about == about))
            connection.execute(t.told.insert().values(about=about, state=state, at=now()))
