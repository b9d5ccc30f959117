"""What a search asks besides its words - when, which tombstones, what is one hit - and counting by that."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

import tantivy

from index.engines import Collapse, Counts, FacetCount, HistogramCount, Tombstones
from index.engines.tantivy.counting import Counter
from index.engines.tantivy.groups import Collapsed, Groups
from index.engines.tantivy.queries import Compiler, unscored
from index.query import Query

Value = TypeVar("Value")
Counted: TypeAlias = tuple[dict[str, FacetCount], dict[str, HistogramCount], tuple[str, ...]]

COUNTS_KEPT = 500
"""Facets and histograms that a state keeps: who turns a page, or opens the first one, asks for the same."""


class Kept(Generic[Value]):
    """Counts that were made before in a state."""

    def __init__(self) -> None:
        self._made: OrderedDict[object, Value] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, name: object, make: Callable[[], Value]) -> Value:
        """Answer what is kept under a name, or make it."""
        with self._lock:
            known = self._made.get(name)
        if known is None:
            known = make()
            with self._lock:
                self._made[name] = known
                while len(self._made) > COUNTS_KEPT:
                    self._made.popitem(last=False)
        return known


@dataclass(frozen=True, slots=True)
class State:
    """What counting needs of one state of the index."""

    searcher: tantivy.Searcher
    queries: Compiler
    groups: Mapping[str, Groups]
    restrict: Callable[[tantivy.Query, int, Tombstones], tantivy.Query]
    """Restricts a query to what stood at a revision."""
    facets: Kept[FacetCount] = field(default_factory=Kept)
    histograms: Kept[HistogramCount] = field(default_factory=Kept)


class Asked:
    """One search's choices."""

    def __init__(self, state: State, at: int, withdrawn: Tombstones, collapse: Collapse) -> None:
        self._state, self._at, self._withdrawn, self._collapse = state, at, withdrawn, collapse
        self._collapsed: dict[Query, Collapsed | None] = {}

    def wanted(self, query: Query) -> tantivy.Query:
        """Answer the candidates of a query."""
        return self._state.restrict(self._state.queries.compile(query), self._at, self._withdrawn)

    def collapsed(self, query: Query, wanted: tantivy.Query) -> Collapsed | None:
        """Answer the groups among candidates; None where every record is a hit, or nothing is in a group."""
        if query not in self._collapsed:
            groups = None if self._collapse == "none" else self._state.groups[self._collapse]
            self._collapsed[query] = Collapsed(groups, wanted) if groups and groups.held else None
        return self._collapsed[query]

    def counter(self, query: Query) -> Counter:
        """Answer what counts among the candidates of a query."""
        wanted, state = self.wanted(query), self._state
        return Counter(state.searcher, state.queries, unscored(wanted), self.collapsed(query, wanted))

    def count(self, query: Query, counts: Counts) -> Counted:
        """Count facets and histograms, one after the other, for as long as there is time.

        Tantivy cannot be stopped in the middle; one by one they cost no more than all in one aggregation
        (26 against 43 ms for eight, tried 2026-11), and between two of them there is a place to end.
        """
        facets: dict[str, FacetCount] = {}
        bars: dict[str, HistogramCount] = {}
        uncounted: list[str] = []
        for name in dict.fromkeys((*counts.facets, *counts.histograms)):
            if counts.until is not None and time.monotonic() >= counts.until:
                uncounted.append(name)
                continue
            of = counts.apart.get(name, query)
            if name in counts.facets:
                facets[name] = self._facet(of, name, counts.facet_size)
            if name in counts.histograms:
                bars[name] = self._histogram(of, name)
        return facets, bars, tuple(uncounted)

    def _facet(self, query: Query, name: str, size: int) -> FacetCount:
        asked = query, self._at, self._withdrawn, self._collapse, name, size
        return self._state.facets.of(asked, lambda: self.counter(query).facet(name, size))

    def _histogram(self, query: Query, name: str) -> HistogramCount:
        asked = query, self._at, self._withdrawn, self._collapse, name
        return self._state.histograms.of(asked, lambda: self.counter(query).histogram(name))


def nothing_counted() -> Counted:
    """Answer what is counted where nothing is asked."""
    return {}, {}, ()
