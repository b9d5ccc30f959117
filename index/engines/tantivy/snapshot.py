"""One state of the index, to be searched. It does not change while it is held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import tantivy
from tantivy import Occur

from index.engines import (
    Collapse,
    Counts,
    Found,
    Position,
    Regrouped,
    SnapshotGone,
    Sort,
    Tombstones,
)
from index.engines.tantivy.asked import Asked, State, nothing_counted
from index.engines.tantivy.beside import BESIDE
from index.engines.tantivy.groups import Collapsed, Groups
from index.engines.tantivy.help import Reading, TantivyHelp
from index.engines.tantivy.leaders import Ordering, Ranked, leaders
from index.engines.tantivy.queries import Compiler, unscored
from index.engines.tantivy.ranking import ranked
from index.engines.tantivy.table import Tables
from index.entry import ASIDE, GROUP_FIELDS, OPEN_END, OVER, WITHDRAWN
from index.query import OneOf, Query, highlights

ORDERINGS: Mapping[Sort, Ordering] = {
    "relevance": Ordering(None, is_descending=True),
    "newest": Ordering("newest", is_descending=True),
    "oldest": Ordering("oldest", is_descending=False),
    "largest": Ordering("largest", is_descending=True),
    "changed": Ordering("from_revision", is_descending=True),
    "kept": Ordering("rid", is_descending=False),
}

Page: TypeAlias = tuple[list[Ranked], int, Position | None, tuple[int, ...]]


class TantivySnapshot:
    """One state of the index."""

    def __init__(
        self,
        searcher: tantivy.Searcher,
        state: str,
        queries: Compiler,
        plain: tantivy.TextAnalyzer,
        tables: Tables,
    ) -> None:
        self.searcher, self.state = searcher, state
        self.queries, self.schema = queries, queries.schema
        self._held = {token for token in (ASIDE, OVER, WITHDRAWN) if searcher.doc_freq("aside", token)}
        over = queries.tokens("aside", (OVER,))
        began = self._highest(tantivy.Query.all_query(), "from_revision")
        self.revision = max(began, self._highest(over, "to_revision") if OVER in self._held else 0)
        groups = {
            kind: Groups(searcher, queries, kind, tables, (state, self.revision)) for kind in GROUP_FIELDS
        }
        self._counts = State(searcher, queries, groups, self._at)
        self.help = TantivyHelp(Reading(searcher, queries, plain, self._at), self.revision)

    def _highest(self, query: tantivy.Query, field: str) -> int:
        hits = self.searcher.search(query, limit=1, count=False, order_by_field=field).hits
        return int(hits[0][0]) if hits else 0

    def search(  # noqa: PLR0913  # a search is these choices
        self,
        query: Query,
        *,
        at: int,
        sort: Sort,
        size: int,
        after: Position | None,
        facets: Sequence[str],
        facet_size: int,
        withdrawn: Tombstones = "exclude",
        collapse: Collapse = "none",
        counts: Counts | None = None,
    ) -> Found:
        """Find the versions that stood at a revision; see `Snapshot.search`."""
        counts = counts or Counts(tuple(facets), facet_size)
        asked = Asked(self._counts, at, withdrawn, collapse)
        matching = asked.wanted(query)
        is_scored = sort == "relevance"
        wanted = self._at(ranked(self.queries, query), at, withdrawn) if is_scored else matching
        collapsed = asked.collapsed(query, matching)
        if after is not None and after.grouping != asked.grouping(query):
            raise Regrouped(after.grouping)
        with BESIDE.search():
            has_counts = counts.facets or counts.histograms
            counted = BESIDE.begin(asked.count, query, counts) if has_counts else nothing_counted
            page, total, following, members = self._page(wanted, matching, sort, size, after, collapsed)
            facet_counts, histograms, uncounted = counted()
        addresses = [address for _, address in page]
        rids = self.searcher.fast_field_values("rid", addresses) if addresses else []
        froms = self.searcher.fast_field_values("from_revision", addresses) if addresses else []
        scores = [float(score) if sort == "relevance" else None for score, _ in page]
        hits = tuple(
            (int(rid or 0), int(revision or 0), score)
            for rid, revision, score in zip(rids, froms, scores, strict=True)
        )
        members = members or ((1,) * len(hits) if collapse != "none" else ())
        following = replace(following, grouping=asked.grouping(query)) if following else None
        return Found(total, hits, facet_counts, following, members, histograms, uncounted)

    def total(
        self, query: Query, *, at: int, withdrawn: Tombstones = "exclude", collapse: Collapse = "none"
    ) -> int:
        """Count what a search finds; see `Snapshot.total`."""
        return Asked(self._counts, at, withdrawn, collapse).total(query)

    def grouping(
        self,
        query: Query,
        *,
        at: int,
        withdrawn: Tombstones = "exclude",
        collapse: Collapse = "none",
    ) -> str | None:
        """Tell how candidates are grouped; see `Snapshot.grouping`."""
        return Asked(self._counts, at, withdrawn, collapse).grouping(query)

    def values(  # a search is these choices
        self,
        query: Query,
        *,
        at: int,
        field: str,
        prefix: str = "",
        withdrawn: Tombstones = "exclude",
        collapse: Collapse = "none",
    ) -> Iterator[tuple[str, int]]:
        """Yield every value of a field with its count; see `Snapshot.values`."""
        return Asked(self._counts, at, withdrawn, collapse).counter(query).values(field, prefix)

    def above(
        self,
        query: Query,
        *,
        at: int,
        field: str,
        withdrawn: Tombstones = "exclude",
        collapse: Collapse = "none",
    ) -> dict[str, int]:
        """Count every value of a hierarchy; see `Snapshot.above`."""
        return Asked(self._counts, at, withdrawn, collapse).counter(query).above(field)

    def snippets(self, query: Query, texts: Sequence[str], length: int) -> list[str | None]:
        """Cut the telling part out of each text; None where no word is found."""
        sought = [
            each
            for words in dict.fromkeys(highlights(query, besides=True))
            for each in self.queries.sought(words)
        ]
        return [self.queries.marker.mark(text, sought, length) if sought else None for text in texts]

    def one(self, field: str, token: str) -> tuple[int, int] | None:
        """Find any version with a token; what is over or withdrawn only where nothing else has it."""
        anyhow = self.queries.compile(OneOf(field, (token,)))
        today = self._at(anyhow, self.revision, "exclude")
        hits = (
            self.searcher.search(today, limit=1, count=False).hits
            or self.searcher.search(anyhow, limit=1, count=False).hits
        )
        if not hits:
            return None
        addresses = [hits[0][1]]
        rid = self.searcher.fast_field_values("rid", addresses)[0]
        revision = self.searcher.fast_field_values("from_revision", addresses)[0]
        return int(rid or 0), int(revision or 0)

    def held(self, low: int | None, high: int | None) -> list[tuple[int, int, int]]:
        """List the versions of records numbered so; see `Snapshot.held`."""
        query = unscored(self.queries.range("rid", low, high))
        count = _count(self.searcher.search(query, limit=1))
        if not count:
            return []
        addresses = [address for _, address in self.searcher.search(query, limit=count, count=False).hits]
        columns = [
            self.searcher.fast_field_values(name, addresses)
            for name in ("rid", "from_revision", "to_revision")
        ]
        rows = zip(*columns, strict=True)
        return [(int(rid or 0), int(began or 0), int(end or 0)) for rid, began, end in rows]

    # ---- the parts of a search ---------------------------------------------------------------

    def _page(
        self,
        wanted: tantivy.Query,
        matching: tantivy.Query,
        sort: Sort,
        size: int,
        after: Position | None,
        collapsed: Collapsed | None,
    ) -> Page:
        if sort == "relevance" and after is not None and after.state != self.state:
            raise SnapshotGone(after.state or "")
        if collapsed:
            page, following, members = self._page_of_groups(wanted, sort, size, after, collapsed)
            return page, collapsed.total(self.count(matching)), following, members
        total = self.count(matching) if after else None
        if sort == "relevance":
            return *self._by_score(wanted, size, after, total), ()
        return *self._by_key(wanted, sort, size, after, total), ()

    def _by_score(
        self, wanted: tantivy.Query, size: int, after: Position | None, total: int | None
    ) -> tuple[list[Ranked], int, Position | None]:
        offset = after.after if after else 0
        result = self.searcher.search(wanted, limit=size, offset=offset, count=total is None)
        total = _count(result) if total is None else total
        more = offset + len(result.hits) < total and bool(result.hits)
        return result.hits, total, Position(offset + len(result.hits), self.state) if more else None

    def _by_key(
        self, wanted: tantivy.Query, sort: Sort, size: int, after: Position | None, total: int | None
    ) -> tuple[list[Ranked], int, Position | None]:
        page = ORDERINGS[sort].search(self.searcher, self._rest(wanted, sort, after), size + 1)
        total = self.count(wanted) if total is None else total
        return page[:size], total, Position(int(page[size - 1][0])) if len(page) > size else None

    def _page_of_groups(
        self, wanted: tantivy.Query, sort: Sort, size: int, after: Position | None, collapsed: Collapsed
    ) -> tuple[list[Ranked], Position | None, tuple[int, ...]]:
        ordering, is_scored = ORDERINGS[sort], sort == "relevance"
        rest = wanted if is_scored else self._rest(wanted, sort, after)
        start = after.after if after and is_scored else 0
        found = leaders(
            collapsed.groups,
            ordering,
            wanted,
            lambda limit, read: ordering.search(self.searcher, rest, limit, start + read),
            size + 1,
        )
        page, following = found[:size], None
        if len(found) > size:
            last = page[-1]
            following = Position(start + last.read, self.state) if is_scored else Position(int(last.hit[0]))
        return [each.hit for each in page], following, tuple(each.members for each in page)

    def _rest(self, wanted: tantivy.Query, sort: Sort, after: Position | None) -> tantivy.Query:
        """Restrict to what comes after a key; no two hits have the same."""
        if after is None:
            return wanted
        ordering = ORDERINGS[sort]
        low, high = (None, after.after - 1) if ordering.is_descending else (after.after + 1, None)
        return tantivy.Query.boolean_query(
            [(Occur.Must, wanted), (Occur.Must, self.queries.range(ordering.field or sort, low, high))]
        )

    def count(self, wanted: tantivy.Query) -> int:
        """Count documents."""
        return _count(self.searcher.search(unscored(wanted), limit=1))

    def _at(self, query: tantivy.Query, revision: int, withdrawn: Tombstones) -> tantivy.Query:
        """Restrict to the versions that stood at a revision; the newest needs no look at numbers."""
        is_newest = revision >= self.revision
        clauses = [(Occur.Must, query)]
        if not is_newest:
            clauses += [
                (Occur.Must, unscored(self.queries.range("from_revision", None, revision))),
                (Occur.Must, unscored(self.queries.range("to_revision", revision + 1, OPEN_END))),
            ]
        if withdrawn == "only":
            clauses.append((Occur.Must, unscored(self.queries.tokens("aside", (WITHDRAWN,)))))
        unwanted = _unwanted(is_newest, withdrawn)
        if unwanted in self._held:
            clauses.append((Occur.MustNot, self.queries.tokens("aside", (unwanted,))))
        return query if len(clauses) == 1 else tantivy.Query.boolean_query(clauses)


def _unwanted(is_newest: bool, withdrawn: Tombstones) -> str | None:
    """Answer the one token to exclude; that a version is over says nothing of an older revision."""
    if withdrawn == "exclude":
        return ASIDE if is_newest else WITHDRAWN
    return OVER if is_newest else None


def _count(result: tantivy.SearchResult) -> int:
    return int(result.count)  # type: ignore[attr-defined]  # there, but missing in the stub of 0.27
