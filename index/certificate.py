"""What makes a search reproducible: what was asked, of which state, and a digest of what was found.

The digest can be made again from any export with standard tools: of every row a line "id<TAB>revision",
sorted by bytes, through SHA-256 (docs/export.md shows how). The second digest is of the ids alone; revisions
are a node's own, so two nodes can agree on that one only.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from heapq import merge
from typing import Literal, TypeAlias

import sqlalchemy as sa

from index import tables as t
from index.lines import SortedLines
from index.moments import times
from index.past import HARVESTS
from index.query import Query
from index.search import Catalogue, Request
from index.sql import now
from index.store import Store
from index.walk import Walk

Kind: TypeAlias = Literal["appeared", "changed", "vanished"]
KINDS: tuple[Kind, ...] = ("appeared", "changed", "vanished")


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh a source was."""

    origin: str
    complete_at: str | None
    """When the last complete harvest ended before the next revision was reached; None if there was none."""
    count: int
    """Rows of the result that come from it."""


@dataclass(frozen=True, slots=True)
class Result:
    """A result, told by its size and digests."""

    revision: int
    at: str | None
    """When the store reached this revision, UTC."""
    count: int
    sha256: str
    """Of the sorted lines "id<TAB>revision<LF>"."""
    sha256_ids: str
    """Of the sorted lines "id<LF>"."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A search, so that it can be done again."""

    canonical: str
    """How the query was understood."""
    sort: str
    result: Result
    made_at: str
    sources: dict[str, Freshness]


@dataclass(frozen=True, slots=True)
class Change:
    """One row that is not the same in two results."""

    id: str
    kind: Kind
    was: int | None
    """The revision of its version then; None if it was not found."""
    is_: int | None
    why: str | None = None
    """Of a row that vanished: withdrawn, purged, or matches no more."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """A search done again."""

    then: Result | None
    """The old state, searched again; None where this store never was in it."""
    now: Result
    agrees: bool
    """The old state gives what the certificate says."""
    counts: dict[Kind, int]
    """Exactly, of all differences; zero throughout when the old state cannot be searched."""
    changes: tuple[Change, ...]
    """As many as were asked for, by id."""


def certify(catalogue: Catalogue, request: Request) -> Certificate:
    """Search, and say what was found so that anybody can check it.

    Raises:
        BadQuery: something asked cannot be understood.
        Behind: the past that is asked for is not indexed yet.
    """
    walk = Walk(catalogue, request)
    with SortedLines() as lines:
        counted = _gather(walk, lines)
        result = _result(walk, lines)
    sources = _freshness(catalogue.store, walk.revision, counted)
    return Certificate(canonical(walk.query), walk.sort, result, now(), sources)


def rerun(catalogue: Catalogue, then: Request | None, today: Request, expected: Result, size: int) -> Rerun:
    """Do a certified search again, in its old state and today.

    Args:
        catalogue: what is searched.
        then: the question, as of the certificate's revision; None if this store has not come so far.
        today: the question, of the newest state.
        expected: what the certificate says.
        size: list at most so many differences; they are counted all.
    """
    with SortedLines() as was, SortedLines() as is_:
        before = None
        if then is not None:
            walk = Walk(catalogue, then)
            _gather(walk, was)
            before = _result(walk, was)
        walk = Walk(catalogue, today)
        _gather(walk, is_)
        after = _result(walk, is_)
        # A digest of nothing agrees with any other; the moment of the revision tells whose history it is.
        agrees = before is not None and _told(before) == _told(expected)
        counts: Counter[Kind] = Counter()
        listed: list[Change] = []
        for change in _differences(was, is_) if agrees else ():
            counts[change.kind] += 1
            if len(listed) < size:
                listed.append(change)
    changes = tuple(_explained(catalogue.store, change) for change in listed)
    return Rerun(before, after, agrees, {kind: counts[kind] for kind in KINDS}, changes)


def canonical(query: Query) -> str:
    """Write down how a query was understood, the same for every spelling of it.

    Every node is its name with its fields in order; those with a default are named, and left out where they
    have it, so that a node that gains a field is still written as before.
    """
    return _written(query)


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    if not is_dataclass(value) or isinstance(value, type):
        return "any" if value is None else repr(value)
    told = []
    for each in fields(value):
        inner = getattr(value, each.name)
        if each.default is MISSING:
            told.append(_written(inner))
        elif inner != each.default:
            told.append(f"{each.name}={_written(inner)}")
    return f"{type(value).__name__.lower()}({', '.join(told)})"


def _gather(walk: Walk, lines: SortedLines) -> Counter[str]:
    counted: Counter[str] = Counter()
    for names in walk.names():
        counted.update(id_.partition(":")[0] for id_, _ in names)
        lines.add(f"{id_}\t{revision}\n".encode() for id_, revision in names)
    return counted


def _result(walk: Walk, lines: Iterable[bytes]) -> Result:
    whole, ids, count = hashlib.sha256(), hashlib.sha256(), 0
    for line in lines:
        whole.update(line)
        ids.update(line[: line.index(b"\t")] + b"\n")
        count += 1
    with walk.store.reading() as connection:
        at = times(connection, [walk.revision])[walk.revision] if walk.revision else None
    return Result(walk.revision, at, count, whole.hexdigest(), ids.hexdigest())


def _told(result: Result) -> tuple[str | None, int, str]:
    return result.at, result.count, result.sha256


def _freshness(store: Store, revision: int, counted: Counter[str]) -> dict[str, Freshness]:
    """Answer how fresh each source was while a revision stood; harvests of samples do not count.

    A revision stands until the next is reached: the harvest that brought it ends after it.
    """
    with store.reading() as connection:
        until = times(connection, [revision + 1])[revision + 1] or now()
    complete = (
        sa.select(t.runs.c.source, sa.func.max(t.runs.c.ended_at))
        .where(t.runs.c.state == "complete", t.runs.c.kind.in_(HARVESTS), t.runs.c.ended_at <= until)
        .group_by(t.runs.c.source)
    )
    with store.reading() as connection:
        ended: dict[str, str] = {row[0]: row[1] for row in connection.execute(complete)}
        sources = connection.execute(
            sa.select(t.sources.c.name, t.sources.c.origin).order_by(t.sources.c.name)
        ).all()
    return {row.name: Freshness(row.origin, ended.get(row.name), counted.get(row.name, 0)) for row in sources}


def _differences(was: Iterable[bytes], is_: Iterable[bytes]) -> Iterator[Change]:
    """Walk two sorted results side by side."""
    held: tuple[str, bool, int] | None = None
    for row in merge(_read(was, is_new=False), _read(is_, is_new=True)):
        id_, _, revision = row
        if held is not None and held[0] == id_:
            if held[2] != revision:
                yield Change(id_, "changed", held[2], revision)
            held = None
            continue
        if held is not None:
            yield _alone(*held)
        held = row
    if held is not None:
        yield _alone(*held)


def _read(lines: Iterable[bytes], *, is_new: bool) -> Iterator[tuple[str, bool, int]]:
    for line in lines:
        id_, _, revision = line.decode().partition("\t")
        yield id_, is_new, int(revision)


def _alone(id_: str, is_new: bool, revision: int) -> Change:
    return Change(id_, "appeared", None, revision) if is_new else Change(id_, "vanished", revision, None)


def _explained(store: Store, change: Change) -> Change:
    """Say why a row is not found any more."""
    if change.kind != "vanished":
        return change
    kept = store.get(change.id)
    why = "purged" if kept is None else "withdrawn" if kept.state == "withdrawn" else "matches no more"
    return replace(change, why=why)
