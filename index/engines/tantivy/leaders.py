"""Pages on which a group is one hit: its member that comes first in the order.

A page is read off the order as it is, and every group on it is looked at once more, all its candidates
together: one that is not the first of them is left out. So pages need no memory of those before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import tantivy
from tantivy import Order

from index.engines.tantivy.groups import Groups, together
from index.engines.tantivy.queries import unscored
from index.engines.tantivy.shards import Result, Searcher

Ranked: TypeAlias = tuple[int | float, tantivy.DocAddress]
"""A key or a score, and where the document is."""

Place: TypeAlias = tuple[int, int]

MEMBERS = 1_000
"""Members of a page's groups to ask for at first; a page of 100 groups seldom has more."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """An order of hits."""

    field: str | None
    """The field that is sorted by; None for relevance."""
    is_descending: bool

    def search(
        self, searcher: Searcher, query: tantivy.Query, limit: int, offset: int = 0, *, count: bool = False
    ) -> Result:
        """Find hits in this order, equal scores by their place in the index, and count all if asked to."""
        if self.field is None:
            return searcher.search(query, limit=limit, offset=offset, count=count)
        order = Order.Desc if self.is_descending else Order.Asc
        return searcher.search(
            query, limit=limit, offset=offset, count=count, order_by_field=self.field, order=order
        )

    def rank(self, hit: Ranked) -> tuple[float, Place]:
        """Answer what sorts hits as the engine does."""
        return -hit[0] if self.is_descending else hit[0], place(hit[1])


@dataclass(frozen=True, slots=True)
class Leader:
    """A hit that stands for its group."""

    hit: Ranked
    read: int
    """So many hits of the order were read up to it, itself included."""
    members: int
    """How many candidates the group has."""


def leaders(
    groups: Groups,
    order: Ordering,
    candidates: tantivy.Query,
    read_on: Callable[[int, int], Sequence[Ranked]],
    size: int,
) -> list[Leader]:
    """Read hits in their order until so many groups are there, or no hit is left.

    Args:
        groups: the kind of groups.
        order: the order.
        candidates: every hit, those before the page as well.
        read_on: answers so many hits of the rest of the order, after so many of them.
        size: how many groups are wanted.
    """
    found: list[Leader] = []
    read, batch = 0, size + size // 2 + 8
    while len(found) < size:
        hits = read_on(batch, read)
        firsts = _firsts(groups, order, candidates, hits)
        for number, hit in enumerate(hits, read + 1):
            members = firsts.get(place(hit[1]))
            if members:
                found.append(Leader(hit, number, members))
        if len(hits) < batch:
            break
        read, batch = read + batch, batch * 4  # more of the same: groups of thousands are on the way
    return found[:size]


def _firsts(
    groups: Groups, order: Ordering, candidates: tantivy.Query, hits: Sequence[Ranked]
) -> dict[Place, int]:
    """Answer which hits are the first of their group, each with how many candidates the group has."""
    if not hits:
        return {}
    table = (
        groups.table
    )  # of 39 hits four are in a group with others: to ask for all took 1.2 ms, for those 0.4
    numbered = list(zip(_numbers(groups, (address for _, address in hits)), hits, strict=True))
    members = _members(groups, order, candidates, {number for number, _ in numbered if number in table})
    best: dict[int, Ranked] = {}
    counts: dict[int, int] = {}
    for number, hit in (*members, *(each for each in numbered if each[0] not in table)):
        counts[number] = counts.get(number, 0) + 1
        if number not in best or order.rank(hit) < order.rank(best[number]):
            best[number] = hit
    return {place(hit[1]): counts[number] for number, hit in best.items()}


def _members(
    groups: Groups, order: Ordering, candidates: tantivy.Query, numbers: set[int]
) -> list[tuple[int, Ranked]]:
    """List the candidates that are in any of these groups, each with the number of its group."""
    if not numbers:
        return []
    of_groups = unscored(tantivy.Query.term_set_query(groups.queries.schema, groups.kind, sorted(numbers)))
    both = together(candidates, of_groups)
    most = MEMBERS
    while True:
        hits = order.search(groups.searcher, both, most).hits
        if len(hits) < most:
            return list(zip(_numbers(groups, (address for _, address in hits)), hits, strict=True))
        most *= 10


def _numbers(groups: Groups, addresses: Iterable[tantivy.DocAddress]) -> list[int]:
    listed = list(addresses)
    if not listed:
        return []
    return [int(number or 0) for number in groups.searcher.fast_field_values(groups.kind, listed)]


def place(address: tantivy.DocAddress) -> Place:
    """Answer where a document is, to be compared."""
    return address.segment_ord, address.doc
