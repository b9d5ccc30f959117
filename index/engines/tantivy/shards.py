"""Several indexes side by side, searched as one.

A record lives in one of them with all its versions, so whatever is counted of records adds up: totals, terms,
ranges and sorting by a field are those of one index. Only scores are not: how rare a word is, each index
knows of its own records. They are placed by their numbers, so these differ little, and an order by relevance
is total and stays, like that of one index, for as long as the state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol, TypeAlias, TypeVar

import tantivy
from tantivy import Order

from index.engines.tantivy.beside import BESIDE
from index.engines.tantivy.merging import asked_of_each, merged

Raw: TypeAlias = Any  # what Tantivy's stubs leave open
Value = TypeVar("Value")

SEGMENT_BITS = 20
"""Of the number of a segment; above them stands the number of the shard."""


class Result(Protocol):
    """What a search finds: keys or scores with addresses, and `count`, which Tantivy's stub does not know."""

    @property
    def hits(self) -> list[tuple[Raw, Raw]]: ...


class Searcher(Protocol):
    """What this package asks of a state of an index; a `tantivy.Searcher` is one, and so are `Shards`."""

    @property
    def num_docs(self) -> int: ...

    @property
    def num_segments(self) -> int: ...

    def search(  # as Tantivy has it
        self,
        query: tantivy.Query,
        limit: int = 10,
        count: bool = True,
        order_by_field: str | None = None,
        offset: int = 0,
        order: Order = Order.Desc,
    ) -> Result: ...

    def aggregate(self, query: tantivy.Query, agg: dict[str, Raw]) -> dict[str, Raw]: ...

    def fast_field_values(
        self, field_name: str, doc_addresses: list[Raw]
    ) -> list[int | float | bool | None]: ...

    def doc_freq(self, field_name: str, field_value: str) -> int: ...

    def terms_with_prefix(
        self,
        field_name: str,
        prefix: str,
        filter_query: tantivy.Query | None = None,
        limit: int | None = None,
    ) -> list[tuple[str, int]]: ...


class Address:
    """Where a document is: what `tantivy.DocAddress` is, of one of several indexes."""

    __slots__ = ("own", "shard")

    def __init__(self, shard: int, own: tantivy.DocAddress) -> None:
        self.shard, self.own = shard, own

    @property
    def segment_ord(self) -> int:
        """The number of the segment among those of all shards, in their order."""
        return self.shard << SEGMENT_BITS | self.own.segment_ord

    @property
    def doc(self) -> int:
        return self.own.doc


@dataclass(frozen=True, slots=True)
class Merged:
    """What a search found in all shards."""

    hits: list[tuple[Raw, Raw]]
    count: int | None


class Late(Exception):  # the name says what is wrong
    """Not every shard was begun in time."""

    def __init__(self, found: Merged, searched: Shards, of: int) -> None:
        super().__init__(f"{len(searched)} of {of} shards were begun in time")
        self.found, self.searched, self.of = found, searched, of


class Shards:
    """A state of several indexes."""

    def __init__(self, searchers: Sequence[tantivy.Searcher], until: float | None = None) -> None:
        """Put together.

        Args:
            searchers: of each index, in their order.
            until: the moment, by the monotonic clock, after which none is begun: then `Late` is raised.
        """
        self._searchers, self._until = tuple(searchers), until

    def __len__(self) -> int:
        return len(self._searchers)

    def by(self, until: float | None) -> Shards:
        """Answer the same, to be searched until a moment."""
        return Shards(self._searchers, until)

    @property
    def num_docs(self) -> int:
        return sum(searcher.num_docs for searcher in self._searchers)

    @property
    def num_segments(self) -> int:
        return sum(searcher.num_segments for searcher in self._searchers)

    def search(  # as Tantivy has it
        self,
        query: tantivy.Query,
        limit: int = 10,
        count: bool = True,
        order_by_field: str | None = None,
        offset: int = 0,
        order: Order = Order.Desc,
    ) -> Merged:
        """Find hits by their key or score, equal ones by their place.

        Raises:
            Late: with what was found in the shards that were begun.
        """

        def ask(searcher: tantivy.Searcher) -> Result:
            return searcher.search(
                query, limit=limit + offset, count=count, order_by_field=order_by_field, order=order
            )

        answers = BESIDE.each(ask, self._searchers, self._until)
        begun = [(number, answer) for number, answer in enumerate(answers) if answer is not None]
        hits = [(key, Address(number, own)) for number, answer in begun for key, own in answer.hits]
        # Sorting keeps the order of equals, which is that of the shards and, in each, of its documents.
        is_ascending = order_by_field is not None and order == Order.Asc
        hits.sort(key=itemgetter(0), reverse=not is_ascending)
        total = sum(counted(answer) for _, answer in begun) if count else None
        found = Merged(hits[offset : offset + limit], total)
        if len(begun) < len(answers):
            raise Late(found, Shards([self._searchers[number] for number, _ in begun]), len(answers))
        return found

    def aggregate(self, query: tantivy.Query, agg: dict[str, Raw]) -> dict[str, Raw]:
        """Aggregate; see `merging`."""
        each = asked_of_each(agg)
        return merged(agg, self._all(lambda searcher: searcher.aggregate(query, each)))

    def fast_field_values(self, field_name: str, doc_addresses: list[Raw]) -> list[int | float | bool | None]:
        """Read a column, in the order of the addresses."""
        own: list[list[tantivy.DocAddress]] = [[] for _ in self._searchers]
        for address in doc_addresses:
            own[address.shard].append(address.own)
        read = [
            iter(searcher.fast_field_values(field_name, some) if some else ())
            for searcher, some in zip(self._searchers, own, strict=True)
        ]
        return [next(read[address.shard]) for address in doc_addresses]

    def doc_freq(self, field_name: str, field_value: str) -> int:
        """Say how many documents have a term."""
        return sum(searcher.doc_freq(field_name, field_value) for searcher in self._searchers)

    def terms_with_prefix(
        self,
        field_name: str,
        prefix: str,
        filter_query: tantivy.Query | None = None,
        limit: int | None = None,
    ) -> list[tuple[str, int]]:
        """List terms that begin so with their documents, most frequent first, then by term."""

        def ask(searcher: tantivy.Searcher) -> list[tuple[str, int]]:
            found = searcher.terms_with_prefix(field_name, prefix, filter_query, limit)
            if limit is None or len(found) < limit:
                return found
            # The most frequent of one shard need not be those of all.
            return searcher.terms_with_prefix(field_name, prefix, filter_query, None)

        counts: Counter[str] = Counter()
        for found in self._all(ask):
            counts.update(dict(found))
        return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]

    def _all(self, ask: Callable[[tantivy.Searcher], Value]) -> list[Value]:
        answers = BESIDE.each(ask, self._searchers, self._until)
        found = [answer for answer in answers if answer is not None]
        if len(found) < len(answers):
            begun = [own for own, answer in zip(self._searchers, answers, strict=True) if answer is not None]
            raise Late(Merged([], None), Shards(begun), len(answers))
        return found


def counted(result: Result) -> int:
    """Answer how many documents a search counted."""
    return int(result.count)  # type: ignore[attr-defined]  # there, but missing in the stub of 0.27


def together(searchers: Sequence[tantivy.Searcher]) -> Searcher:
    """Answer what searches all of them; one alone is asked itself."""
    return searchers[0] if len(searchers) == 1 else Shards(searchers)


def timed(searcher: Searcher, until: float | None) -> Searcher:
    """Let no shard be begun after a moment; one index alone cannot be stopped."""
    return searcher.by(until) if isinstance(searcher, Shards) else searcher
