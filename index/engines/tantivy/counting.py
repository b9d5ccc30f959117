"""Counting the values of fields among candidates: exact counts, most frequent first, then by value.

A terms aggregation that lists so many terms a segment says by how much its counts may be too low; the listed
values are then counted again, and the list is believed only as far as no value that is missing from it could
have come before. Else more terms are listed, and at last all.
"""

from __future__ import annotations

import heapq
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, TypeAlias

import tantivy

from index.engines import Bar, FacetCount, HistogramCount
from index.engines.tantivy.beside import BESIDE
from index.engines.tantivy.groups import Collapsed, count, together
from index.engines.tantivy.queries import Compiler
from index.engines.tantivy.shards import Searcher
from index.entry import AND, TOGETHER_FIELDS, TOO_LONG, UP_FIELDS, with_above
from index.values.sizes import LARGEST

Raw: TypeAlias = Any  # what Tantivy's stubs leave open

STEPS = (100, 10_000)
"""Terms that are listed at first; after the last step every one is listed, by the lists of the index. Handing
over 7,500 keywords, of which ten are shown, took 40 of the 63 ms that eight facets of a word took."""

SEGMENT_TERMS = 10_000
"""Terms a segment lists, at whatever step: counts are too low by what its others may have."""

MANY_VALUED = frozenset({"keyword", "creator", "affiliation", "funder"})
"""Counted beside the others while a core is free: keywords alone took 26 ms where seven others took 37."""

ALL_COUNTED = 30
"""So many values are counted even if few are shown, to tell what the others add up to, where groups count."""

MISSING, NO_YEAR = "\x00", -1
"""Stand among a facet's values for having none; texts hold no control characters, no year is negative."""

YEARS = 10_000
"""More years cannot be: they have four digits."""

DECADES = tuple(10**power for power in range(19))
"""Where bars of the histogram of sizes begin; the last holds the exabyte that is the largest size."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """Values with the documents that have them."""

    values: tuple[tuple[str, int], ...]
    missing: int | None
    """Documents without a value; None where that must be counted."""
    pairs: int
    """Documents times values, of all values and of missing ones."""
    error: int = 0
    """The counts may be too low by so much."""
    bound: int = 0
    """No value that is not listed has more documents."""

    @property
    def is_whole(self) -> bool:
        return not self.error and not self.bound


class Counter:
    """Counts among the candidates of one search."""

    def __init__(
        self,
        searcher: Searcher,
        queries: Compiler,
        wanted: tantivy.Query,
        collapsed: Collapsed | None,
        fields: Iterable[str] = (),
    ) -> None:
        """Begin.

        Args:
            searcher: one state of the index.
            queries: compiles what is counted.
            wanted: the candidates, without scores.
            collapsed: their groups, where groups count.
            fields: facets and histograms that will be asked for: candidates are found once for all of them.
                Finding them is what costs; one by one, six facets under a filter took 171 ms of a processor
                and not 20 (p95).
        """
        self.searcher, self.queries, self.wanted, self.collapsed = searcher, queries, wanted, collapsed
        self._fields = tuple(dict.fromkeys(TOGETHER_FIELDS.get(name, name) for name in fields))
        self._answers: dict[tuple[str, int], Raw] = {}
        self._recounted: dict[tuple[str, str], int] = {}

    def facet(self, name: str, size: int) -> FacetCount:
        """Answer the most frequent values of a field, and what they leave out."""
        listed, field = self._fit(name, size), UP_FIELDS.get(name, name)
        missing = self._missing(name, listed)
        is_summed = self.collapsed is None and name not in UP_FIELDS
        counted = self._ranked(field, listed)
        if is_summed:
            values = _first(counted, size)
            other: int | None = listed.pairs - (listed.missing or 0) - sum(count for _, count in values)
            return FacetCount(values, missing, other or 0)
        enough = listed.is_whole and len(listed.values) <= max(size, ALL_COUNTED)
        values = _first(counted, len(listed.values) if enough else size)
        other = sum(count for _, count in values[size:]) if enough else None
        return FacetCount(values[:size], missing, other)

    def values(self, name: str, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield every value that begins so with its count, most frequent first, then by value."""
        return self._ranked(UP_FIELDS.get(name, name), self._whole(name, prefix))

    def above(self, name: str) -> dict[str, int]:
        """Answer every value of a hierarchy, stated or above one that is, with its count."""
        return dict(self._ranked(UP_FIELDS[name], self._hierarchy(name)[1]))

    def histogram(self, name: str) -> HistogramCount:
        """Count years, or sizes by powers of ten; what has none is told beside."""
        bars = self._years() if name == "year" else self._decades()
        return HistogramCount(tuple(bars), self._missing(name, _Listed((), None, 0)))

    # ---- lists -------------------------------------------------------------------------------

    def _fit(self, name: str, size: int) -> _Listed:
        """List values until the first of them are certain to be the most frequent."""
        if name in UP_FIELDS or name == "year":
            return self._whole(name, "")
        for most in STEPS:
            listed = self._terms(name, most)
            if listed.is_whole or self._is_certain(name, listed, size):
                return listed
        return self._whole(name, "")

    def _is_certain(self, name: str, listed: _Listed, size: int) -> bool:
        shown = _first(self._ranked(name, listed), size)
        return len(shown) == size and shown[-1][1] > listed.bound

    def _terms(self, name: str, most: int) -> _Listed:
        answer = self._answer(name, most)
        counts = {_value(name, bucket["key"]): int(bucket["doc_count"]) for bucket in answer["buckets"]}
        error, other = int(answer.get("doc_count_error_upper_bound") or 0), int(answer["sum_other_doc_count"])
        pairs = sum(counts.values()) + other
        last = min(counts.values(), default=0) if len(counts) >= most else 0
        missing = counts.pop(MISSING, None)
        if error or (missing is None and other):
            missing = self._count(self._having("none", name))
        return _Listed(tuple(counts.items()), missing or 0, pairs, error, last + error)

    def _answer(self, name: str, most: int) -> Raw:
        if (name, most) not in self._answers:
            names = self._fields if name in self._fields and most == _first_step(name) else (name,)
            sizes = {each: most if each == name else _first_step(each) for each in names}
            asked = {each: _asked(each, size) for each, size in sizes.items()}
            many = {each: how for each, how in asked.items() if each in MANY_VALUED}
            few = {each: how for each, how in asked.items() if each not in MANY_VALUED}
            first = BESIDE.begin(self._aggregate, many) if many and few else lambda: self._aggregate(many)
            for each, answer in (self._aggregate(few) | first()).items():
                self._answers[each, sizes[each]] = answer
        return self._answers[name, most]

    def _aggregate(self, asked: dict[str, Raw]) -> dict[str, Raw]:
        return self.searcher.aggregate(self.wanted, asked) if asked else {}

    def _whole(self, name: str, prefix: str) -> _Listed:
        """List every value; of a hierarchy those that are stated, each with all that is below it."""
        if name not in UP_FIELDS:
            return self._complete(name, prefix)
        stated, above = self._hierarchy(name)
        below = dict(above.values)
        values = tuple((value, below[value]) for value, _ in stated.values if value.startswith(prefix))
        return _Listed(values, stated.missing, 0)

    def _hierarchy(self, name: str) -> tuple[_Listed, _Listed]:
        """List the terms that are stated, and those with all above them."""
        answer = self._answer(TOGETHER_FIELDS[name], STEPS[-1])
        counts = {str(bucket["key"]): int(bucket["doc_count"]) for bucket in answer["buckets"]}
        if answer["sum_other_doc_count"] or TOO_LONG in counts:
            return self._complete(name, ""), self._complete(UP_FIELDS[name], "")
        missing = counts.pop(MISSING, 0)
        stated: Tally[str] = Tally()
        above: Tally[str] = Tally()
        for token, documents in counts.items():
            terms = token.split(AND)
            for term in terms:
                stated[term] += documents
            for term in with_above(name, terms):
                above[term] += documents
        return _Listed(tuple(stated.items()), missing, 0), _Listed(tuple(above.items()), 0, 0)

    def _complete(self, name: str, prefix: str) -> _Listed:
        if name == "year":
            years = self._terms(name, _first_step(name))
            values = tuple(pair for pair in years.values if pair[0].startswith(prefix))
            return _Listed(values, years.missing, years.pairs)
        if name in self._fields and not prefix:
            terms = self._terms(name, _first_step(name))
            if terms.is_whole:
                return terms
        found = self.searcher.terms_with_prefix(name, prefix, self.wanted, None)
        is_stated = not prefix and name not in UP_FIELDS.values()
        missing = self._count(self._having("none", name)) if is_stated else 0
        return _Listed(tuple(found), missing, sum(count for _, count in found) + missing)

    # ---- counts ------------------------------------------------------------------------------

    def _ranked(self, field: str, listed: _Listed) -> Iterator[tuple[str, int]]:
        return ranked(
            listed.values, listed.error, lambda value, about: self._exact(field, value, about, listed)
        )

    def _exact(self, field: str, value: str, about: int, listed: _Listed) -> int:
        has = self._having(field, value)
        documents = about
        if listed.error:
            if (field, value) not in self._recounted:
                self._recounted[field, value] = self._count(has)
            documents = self._recounted[field, value]
        return self.collapsed.having((field, value), has, documents) if self.collapsed else documents

    def _having(self, field: str, value: str) -> tantivy.Query:
        if field == "year":
            return self.queries.range(field, int(value), int(value))
        return self.queries.tokens(field, (value,))

    def _missing(self, name: str, listed: _Listed) -> int:
        lacks = self._lacking(name)
        documents = self._count(lacks) if listed.missing is None else listed.missing
        return self.collapsed.having(("none", name), lacks, documents) if self.collapsed else documents

    def _lacking(self, name: str) -> tantivy.Query:
        if name != "bytes":
            return self._having("none", name)
        return tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, tantivy.Query.all_query()),
                (tantivy.Occur.MustNot, self.queries.tokens("has", ("bytes",))),
            ]
        )

    def _count(self, has: tantivy.Query) -> int:
        return count(self.searcher, together(self.wanted, has))

    # ---- bars --------------------------------------------------------------------------------

    def _years(self) -> Iterator[Bar]:
        for year, hits in sorted(self.values("year", ""), key=lambda pair: int(pair[0])):
            yield Bar(int(year), int(year), hits)

    def _decades(self) -> Iterator[Bar]:
        buckets = self._answer("bytes", _first_step("bytes"))["buckets"]
        counts = {int(bucket["from"]): int(bucket["doc_count"]) for bucket in buckets if "from" in bucket}
        for low in DECADES:
            high = min(low * 10 - 1, LARGEST)
            between = self.queries.range("bytes", low, high)
            hits = counts.get(low, 0)
            if self.collapsed:
                hits = self.collapsed.having(("bytes", str(low)), between, hits)
            if hits:
                yield Bar(low, high, hits)


def ranked(
    values: Iterable[tuple[str, int]], error: int, exact: Callable[[str, int], int]
) -> Iterator[tuple[str, int]]:
    """Yield values with their exact counts, most frequent first, then by value; count no more than needed.

    Args:
        values: with a count that the exact one exceeds by `error` at most.
        error: see there.
        exact: counts a value, given the count that is listed.
    """
    waiting = sorted(values, key=lambda pair: (pair[1], pair[0]))  # the last may be the most frequent
    counted: list[tuple[int, str]] = []
    while waiting or counted:
        while waiting and (not counted or waiting[-1][1] + error >= -counted[0][0]):
            value, about = waiting.pop()
            if count := exact(value, about):
                heapq.heappush(counted, (-count, value))
        if counted:
            count, value = heapq.heappop(counted)
            yield value, -count


def _first(counted: Iterator[tuple[str, int]], size: int) -> tuple[tuple[str, int], ...]:
    return tuple(islice(counted, size))


def _asked(name: str, size: int) -> dict[str, Raw]:
    """Ask for so many terms of a field; of sizes, for their powers of ten."""
    if name == "bytes":
        ranges: list[Mapping[str, int]] = [{"from": low, "to": high} for low, high in pairwise(DECADES)]
        return {"range": {"field": name, "ranges": [*ranges, {"from": DECADES[-1]}]}}
    segment = max(size, SEGMENT_TERMS)
    return {"terms": {"field": name, "size": size, "segment_size": segment, "missing": _nothing(name)}}


def _first_step(name: str) -> int:
    """Answer how many terms are listed first; of a hierarchy all are needed, to tell what is above which."""
    if name == "year":
        return YEARS
    return STEPS[-1] if name in TOGETHER_FIELDS.values() else STEPS[0]


def _nothing(name: str) -> str | int:
    return NO_YEAR if name == "year" else MISSING


def _value(name: str, key: Raw) -> str:
    if name != "year":
        return str(key)
    return MISSING if int(key) == NO_YEAR else str(int(key))
