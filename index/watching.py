"""What is new for a question: the current records it finds, by the revision that made them so.

A feed reads these backwards, a subscription forwards. Both ask the engine the very query that a search of
the same parameters asks, so that what is told is what would be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.engines import Snapshot
from index.engines.help import Place
from index.moments import times
from index.query import Query
from index.search import Request, searched_for, tombstones
from index.store import Kept, Store


@dataclass(frozen=True, slots=True)
class News:
    """A record that is new for a question, or changed and still is what was asked for."""

    kept: Kept
    at: str | None
    """When the store reached its revision, UTC; None where nobody noted it."""


def query_of(asked: Request) -> Query:
    """Answer the query a search asks.

    Raises:
        BadQuery: words or a filter that cannot be understood.
    """
    return searched_for(asked)


def latest(store: Store, snapshot: Snapshot, asked: Request, before: int | None, size: int) -> list[News]:
    """List what changed last, the latest first, before a revision."""
    query = query_of(asked)
    withdrawn = tombstones(asked.withdrawn, query)
    return _news(
        store,
        snapshot.help.recent(
            query, after=0, before=before, size=size, latest_first=True, withdrawn=withdrawn
        ),
    )


def since(store: Store, snapshot: Snapshot, asked: Request, span: tuple[int, int], size: int) -> list[News]:
    """List what changed after a revision up to another, in order."""
    query, (after, until) = query_of(asked), span
    withdrawn = tombstones(asked.withdrawn, query)
    return _news(
        store,
        snapshot.help.recent(
            query, after=after, before=until + 1, size=size, latest_first=False, withdrawn=withdrawn
        ),
    )


def _news(store: Store, places: Sequence[Place]) -> list[News]:
    found = store.fetch(places)
    with store.reading() as connection:
        at = times(connection, [revision for _, revision in places])
    return [News(found[place], at[place[1]]) for place in places if place in found]
