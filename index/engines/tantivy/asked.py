"""What a search asks besides its words - when, which tombstones, what is one hit - and counting by that."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

import tantivy

from index.engines import Collapse, Counts, FacetCount, HistogramCount, Position, Tombstones
from index.engines.tantivy.beside import BESIDE
from index.engines.tantivy.counting import Counter
from index.engines.tantivy.groups import UNGROUPED, Collapsed, Groups, count
from index.engines.tantivy.queries import Compiler, unscored
from index.engines.tantivy.shards import Late, Searcher, timed
from index.query import Query

Value = TypeVar("Value")
Counted: TypeAlias = tuple[dict[str, FacetCount], dict[str, HistogramCount], tuple[str, ...]]

_Some: TypeAlias = tuple[dict[str, FacetCount], dict[str, HistogramCount]]

Hit: TypeAlias = tuple[int, int, float | None]
"""Record number, first revision of the version, and score."""
Page: TypeAlias = tuple[tuple[Hit, ...], int, Position | None, tuple[int, ...]]
"""Hits, total, what comes after, and for each hit how many its group has."""

COUNTS_KEPT = 4_000
"""Facets and histograms that a state keeps, 2 kB each: who turns a page, or opens the first one, asks for
the same."""

PAGES_KEPT = 500
"""Pages that a state keeps, 3 kB each: who goes back, or chooses a facet and takes it off, asks again."""

TOTALS_KEPT = 5_000
"""Totals that a state keeps: whoever types is shown the same names again and again."""

MASKS_KEPT = 100
"""Sets of grouped candidates that a state keeps, 25 kB each of a million records: the next page needs the
same."""


class Kept(Generic[Value]):
    """What was made before in a state; what was asked for longest ago goes first."""

    def __init__(self, most: int = COUNTS_KEPT) -> None:
        self._most = most
        self._made: OrderedDict[object, Value] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, name: object, make: Callable[[], Value]) -> Value:
        """Answer what is kept under a name, or make it."""
        with self._lock:
            if name in self._made:
                self._made.move_to_end(name)
                return self._made[name]
        made = make()
        with self._lock:
            self._made[name] = made
            while len(self._made) > self._most:
                self._made.popitem(last=False)
        return made


@dataclass(frozen=True, slots=True)
class State:
    """What counting needs of one state of the index."""

    searcher: Searcher
    queries: Compiler
    groups: Mapping[str, Groups]
    """By kind; none where records must be taken to stand alone."""
    restrict: Callable[[tantivy.Query, int, Tombstones], tantivy.Query]
    """Restricts a query to what stood at a revision."""
    pages: Kept[Page] = field(default_factory=lambda: Kept(PAGES_KEPT))
    facets: Kept[FacetCount] = field(default_factory=Kept)
    histograms: Kept[HistogramCount] = field(default_factory=Kept)
    totals: Kept[int] = field(default_factory=lambda: Kept(TOTALS_KEPT))
    collapsed: Kept[Collapsed] = field(default_factory=lambda: Kept(MASKS_KEPT))


class Asked:
    """One search's choices."""

    def __init__(self, state: State, at: int, withdrawn: Tombstones, collapse: Collapse) -> None:
        self._state, self._at, self._withdrawn, self._collapse = state, at, withdrawn, collapse

    def wanted(self, query: Query) -> tantivy.Query:
        """Answer the candidates of a query."""
        return self._state.restrict(self._state.queries.compile(query), self._at, self._withdrawn)

    def collapsed(self, query: Query, wanted: tantivy.Query) -> Collapsed | None:
        """Answer the groups among candidates; None where every record is a hit, or nothing is in a group."""
        groups, name = (
            self._state.groups.get(self._collapse),
            (query, self._at, self._withdrawn, self._collapse),
        )
        if groups is None or not groups.held:
            return None
        return self._state.collapsed.of(name, lambda: Collapsed(groups, wanted))

    def total(self, query: Query) -> int:
        """Count the hits of a query."""
        asked = query, self._at, self._withdrawn, self._collapse
        return self._state.totals.of(asked, lambda: self._total(query))

    def _total(self, query: Query) -> int:
        wanted = self.wanted(query)
        documents, collapsed = count(self._state.searcher, unscored(wanted)), self.collapsed(query, wanted)
        return collapsed.total(documents) if collapsed else documents

    def grouping(self, query: Query) -> str | None:
        """Tell how candidates are grouped; see `Snapshot.grouping`."""
        if self._collapse == "none":
            return None
        collapsed = self.collapsed(query, self.wanted(query))
        return collapsed.grouping if collapsed else UNGROUPED

    def counter(self, query: Query, fields: Iterable[str] = (), until: float | None = None) -> Counter:
        """Answer what counts among the candidates of a query; no shard is begun after a moment."""
        wanted, state = self.wanted(query), self._state
        return Counter(
            timed(state.searcher, until),
            state.queries,
            unscored(wanted),
            self.collapsed(query, wanted),
            fields,
        )

    def count(self, query: Query, counts: Counts) -> Counted:
        """Count facets and histograms for as long as there is time.

        Candidates are found once for all facets and histograms that have the same; those with candidates of
        their own are counted beside them while a core is free. Tantivy cannot be stopped in the middle, but
        between two sets of candidates is a place to end, between two facets, and between two shards.
        """
        names = tuple(dict.fromkeys((*counts.facets, *counts.histograms)))
        among: dict[Query, list[str]] = {}
        for name in names:
            among.setdefault(counts.apart.get(name, query), []).append(name)
        made = BESIDE.each(lambda one: self._among(*one, counts), list(among.items()), counts.until)
        facets, bars = dict[str, FacetCount](), dict[str, HistogramCount]()
        for found in filter(None, made):
            facets |= found[0]
            bars |= found[1]
        left = [name for name in counts.facets if name not in facets]
        left += [name for name in counts.histograms if name not in bars]
        return facets, bars, tuple(name for name in names if name in left)

    def _among(self, query: Query, names: Sequence[str], counts: Counts) -> _Some:
        """Count among the candidates of one query."""
        counter = self.counter(query, names, counts.until)
        facets, bars = dict[str, FacetCount](), dict[str, HistogramCount]()
        for name in names:
            if counts.until is not None and time.monotonic() >= counts.until:
                break
            with suppress(Late):
                if name in counts.histograms:
                    bars[name] = self._histogram(counter, query, name)
                if name in counts.facets:
                    facets[name] = self._facet(counter, query, name, counts.facet_size)
        return facets, bars

    def _facet(self, counter: Counter, query: Query, name: str, size: int) -> FacetCount:
        asked = query, self._at, self._withdrawn, self._collapse, name, size
        return self._state.facets.of(asked, lambda: counter.facet(name, size))

    def _histogram(self, counter: Counter, query: Query, name: str) -> HistogramCount:
        asked = query, self._at, self._withdrawn, self._collapse, name
        return self._state.histograms.of(asked, lambda: counter.histogram(name))


def nothing_counted() -> Counted:
    """Answer what is counted where nothing is asked."""
    return {}, {}, ()
