"""A whole result, row by row, at one revision: what exports and certificates are made of.

The rows of a walk are those of one state of the index, which is held until the walk ends. A walk that was
broken off goes on after its last record, in another process too: versions are kept with the revisions
between which they stood. Memory does not grow with the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import sqlalchemy as sa

from index import tables as t
from index.engines import Position, Snapshot, Sort
from index.entry import entry_of
from index.moments import Moment
from index.query import BadQuery, Query
from index.search import Catalogue, Request, compose, tombstones
from index.store import Store

PAGE = 5_000
"""Rows the engine is asked for at once: each page costs it a look at all that is left of the result."""
BODIES = 500
"""Rows that are read from the store at once, about a megabyte."""

ORDERS: tuple[Sort, ...] = ("kept", "newest", "oldest", "largest")

_NAMES = sa.select(t.records.c.rid, t.records.c.id).where(
    t.records.c.rid.in_(sa.text("SELECT value FROM json_each(:rids)")), t.records.c.state != "purged"
)
_NEWEST = sa.select(
    t.records.c.rid, t.records.c.id, t.records.c.origin, t.records.c.revision, t.records.c.payload
).where(t.records.c.rid.in_(sa.text("SELECT value FROM json_each(:rids)")))
_OLDER = sa.text(
    "SELECT v.rid, r.id, r.origin, v.from_revision AS revision, v.payload FROM json_each(:pairs) AS asked"
    " JOIN versions AS v ON v.rid = json_extract(asked.value, '$[0]')"
    " AND v.from_revision = json_extract(asked.value, '$[1]')"
    " JOIN records AS r ON r.rid = v.rid"
)

Pair = tuple[int, int]
"""Record number, and the first revision of the version meant."""


PURGED = "records of this result were purged while it was read; ask again"


class Lost(Exception):  # the name says what is wrong
    """Records of the result were purged while it was read: it cannot be told whole any more."""


@dataclass(frozen=True, slots=True)
class Row:
    """One version of a record, as the store holds it."""

    id: str
    revision: int
    """The first revision at which this version was current."""
    origin: str
    body: bytes
    """JSON without empty fields and without facts about our reading, so it is the same for ever."""


class Walk:
    """A result that stands still."""

    def __init__(self, catalogue: Catalogue, request: Request) -> None:
        """Find out at which revision the result stands, and how many rows it has.

        Args:
            catalogue: what is searched.
            request: the question; page, facets and cursor of it are of no concern here.

        Raises:
            BadQuery: something asked cannot be understood, or the order is by relevance.
            Behind: the past that is asked for is not indexed yet.
        """
        self.sort: Sort = request.sort or "kept"
        if self.sort not in ORDERS:
            message = f"sort={self.sort} depends on the state of the index; choose {', '.join(ORDERS)}"
            raise BadQuery(message)
        self.request = replace(request, sort=self.sort, cursor=None, facets=(), size=0)
        self.store: Store = catalogue.store
        self.query: Query = compose(request.words, request.filters, request.match)
        self.as_of: Moment | None = catalogue.past(request.as_of) if request.as_of else None
        self._snapshot: Snapshot = catalogue.engine.snapshot()
        past = self.as_of.revision if self.as_of and not self.as_of.is_now else None
        self.revision = self._snapshot.revision if past is None else past
        self.total, _, _ = self._page(1, None)

    def pairs(self, after: Position | None = None) -> Iterator[list[Pair]]:
        """Yield the rows' numbers, some thousand at a time."""
        following: Position | None = after
        while True:
            _, found, following = self._page(PAGE, following)
            if found:
                yield found
            if following is None:
                return

    def rows(self, after: Position | None = None) -> Iterator[list[Row]]:
        """Yield the rows, some hundred at a time.

        Raises:
            Lost: a record of the result was purged meanwhile.
        """
        for found in self.pairs(after):
            for start in range(0, len(found), BODIES):
                yield versions(self.store, found[start : start + BODIES])

    def names(self) -> Iterator[list[tuple[str, int]]]:
        """Yield the rows' ids and revisions only.

        Raises:
            Lost: a record of the result was purged meanwhile.
        """
        for found in self.pairs():
            with self.store.reading() as connection:
                asked = {"rids": orjson.dumps([rid for rid, _ in found]).decode()}
                ids: dict[int, str] = {row.rid: row.id for row in connection.execute(_NAMES, asked)}
            if len(ids) < len(found):
                raise Lost(PURGED)
            yield [(ids[rid], revision) for rid, revision in found]

    def place(self, id_: str) -> Position:
        """Find where a record stands in the order, to go on after it.

        Raises:
            BadQuery: no such record was held at this revision.
        """
        with self.store.reading() as connection:
            version = connection.execute(_version(id_, self.revision)).first()
        if version is None:
            message = (
                f"after={id_}: no such record was held at revision {self.revision}; give the id of a row"
            )
            raise BadQuery(message)
        if self.sort == "kept":
            return Position(version.rid)
        body = orjson.loads(self.store.unpack(version.payload))
        return Position(entry_of(version.rid, 0, None, body)[self.sort])

    def _page(self, size: int, after: Position | None) -> tuple[int, list[Pair], Position | None]:
        found = self._snapshot.search(
            self.query,
            at=self.revision,
            sort=self.sort,
            size=size,
            after=after,
            facets=(),
            facet_size=1,
            withdrawn=tombstones(self.request.withdrawn, self.query),
        )
        return found.total, [(rid, revision) for rid, revision, _ in found.hits], found.next


def versions(store: Store, pairs: Sequence[Pair]) -> list[Row]:
    """Read versions from the store, in the order asked; current and old ones, two statements for all.

    Raises:
        Lost: one is no longer there.
    """
    found: dict[Pair, Row] = {}
    with store.reading() as connection:
        rids = orjson.dumps([rid for rid, _ in pairs]).decode()
        _take(store, connection.execute(_NEWEST, {"rids": rids}), set(pairs), found)
        older = [pair for pair in pairs if pair not in found]
        if older:
            _take(
                store, connection.execute(_OLDER, {"pairs": orjson.dumps(older).decode()}), set(older), found
            )
    if len(found) < len(pairs):
        raise Lost(PURGED)
    return [found[pair] for pair in pairs]


def _take(store: Store, rows: Iterable[Any], wanted: set[Pair], found: dict[Pair, Row]) -> None:
    for rid, id_, origin, revision, payload in rows:
        if (rid, revision) in wanted:
            found[rid, revision] = Row(id_, revision, origin, store.unpack(payload))


def _version(id_: str, revision: int) -> sa.Select[Any]:
    """Select the version of a record that stood at a revision."""
    r, v = t.records, t.versions
    now = sa.select(r.c.rid, r.c.payload).where(
        r.c.id == id_, r.c.revision <= revision, r.c.state != "purged"
    )
    then = (
        sa.select(r.c.rid, v.c.payload)
        .join(v, v.c.rid == r.c.rid)
        .where(r.c.id == id_, v.c.from_revision <= revision, v.c.to_revision > revision)
    )
    union = now.union_all(then).subquery()
    return sa.select(union)
