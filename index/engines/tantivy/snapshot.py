"""One state of the index, to be searched. It does not change while it is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import tantivy
from tantivy import Occur

from index.engines import (
    Collapse,
    Counts,
    Found,
    Hits,
    Members,
    Position,
    Regrouped,
    Searched,
    SnapshotGone,
    Sort,
    Tombstones,
)
from index.engines.tantivy.asked import Asked, Hit, Page, State, nothing_counted
from index.engines.tantivy.beside import BESIDE
from index.engines.tantivy.groups import Collapsed, Groups, count
from index.engines.tantivy.help import Reading, TantivyHelp
from index.engines.tantivy.leaders import Ordering, Ranked, leaders
from index.engines.tantivy.queries import Compiler, unscored
from index.engines.tantivy.ranking import ranked
from index.engines.tantivy.shards import Late, Searcher, counted, timed
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

Placed: TypeAlias = tuple[list[Ranked], int, Position | None, tuple[int, ...]]
"""A page whose hits are places in the index."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """A query whose hits have scores, and one that finds the same without any."""

    scored: tantivy.Query
    matching: tantivy.Query


class TantivySnapshot:
    """One state of the index."""

    def __init__(
        self,
        searcher: Searcher,
        state: str,
        queries: Compiler,
        plain: tantivy.TextAnalyzer,
        tables: Tables,
        reached: int | None = None,
    ) -> None:
        """Open.

        Args:
            searcher: searches the index as it is.
            state: names what it is.
            queries: compiles for its schema.
            plain: cuts words without stems.
            tables: of the groups of this index, kept from state to state.
            reached: the revision to be searched where some shards hold more than others, which were stopped
                in the middle of a write; None where all of them hold the same.
        """
        self.searcher, self.state = searcher, state
        self.queries, self.schema = queries, queries.schema
        self._held = {token for token in (ASIDE, OVER, WITHDRAWN) if searcher.doc_freq("aside", token)}
        self._reached = reached
        self.revision = self._newest() if reached is None else reached
        # What was regrouped may be so in one shard and not in the other: then every record stands alone.
        kinds = GROUP_FIELDS if reached is None else ()
        groups = {kind: Groups(searcher, queries, kind, tables, (state, self.revision)) for kind in kinds}
        self._counts = State(searcher, queries, groups, self._at)
        self.help = TantivyHelp(Reading(searcher, queries, plain, self._at), self.revision)

    def _newest(self) -> int:
        over = self.queries.tokens("aside", (OVER,))
        began = self._highest(tantivy.Query.all_query(), "from_revision")
        return max(began, self._highest(over, "to_revision") if OVER in self._held else 0)

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
        seen: Callable[[Hits, Members], None] | None = None,
    ) -> Found:
        """Find the versions that stood at a revision; see `Snapshot.search`."""
        pages = self._counts.pages if counts else None  # an export's are large, and asked for once
        counts = counts or Counts(tuple(facets), facet_size)
        asked = Asked(self._counts, at, withdrawn, collapse)
        matching = asked.wanted(query)
        is_scored = sort == "relevance"
        scored = self._at(ranked(self.queries, query), at, withdrawn) if is_scored else matching
        wanted = Candidates(scored, matching)
        collapsed = asked.collapsed(query, matching)
        if after is not None and after.grouping != asked.grouping(query):
            raise Regrouped(after.grouping)
        with BESIDE.search():
            has_counts = counts.facets or counts.histograms
            counting = BESIDE.begin(asked.count, query, counts) if has_counts else nothing_counted
            first = timed(self.searcher, counts.until)

            def find() -> Page:
                page, total, following, members = self._page(first, wanted, sort, size, after, collapsed)
                return self._hits(page, sort), total, following, members

            name = query, at, withdrawn, collapse, sort, size, after
            try:
                hits, total, following, members = pages.of(name, find) if pages else find()
            except Late as late:
                counting()  # it ends soon: no shard is begun for it either
                found = self._partial(matching, sort, size, counts, late)
                if seen:
                    seen(found.hits, found.members)
                return found
            members = members or ((1,) * len(hits) if collapse != "none" else ())
            if seen:
                seen(hits, members)
            facet_counts, histograms, uncounted = counting()
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
        most = count(self.searcher, query)
        if not most:
            return []
        addresses = [address for _, address in self.searcher.search(query, limit=most, count=False).hits]
        columns = [
            self.searcher.fast_field_values(name, addresses)
            for name in ("rid", "from_revision", "to_revision")
        ]
        rows = (
            (int(rid or 0), int(began or 0), int(end or 0)) for rid, began, end in zip(*columns, strict=True)
        )
        if self._reached is None:
            return list(rows)
        known = [(rid, began, end) for rid, began, end in rows if began <= self._reached]
        return [(rid, began, end if end <= self._reached else OPEN_END) for rid, began, end in known]

    # ---- the parts of a search ---------------------------------------------------------------

    def _partial(self, wanted: tantivy.Query, sort: Sort, size: int, counts: Counts, late: Late) -> Found:
        """Answer what was found in the shards that were begun in time; groups reach beyond them."""
        hits = self._hits(late.found.hits[:size], sort)
        total = count(late.searched, unscored(wanted)) if len(late.searched) else 0
        uncounted = tuple(dict.fromkeys((*counts.facets, *counts.histograms)))
        searched = Searched(len(late.searched), late.of)
        return Found(total, hits, uncounted=uncounted, searched=searched)

    def _hits(self, page: Sequence[Ranked], sort: Sort) -> tuple[Hit, ...]:
        """Answer record number, first revision and score of what stands on a page."""
        addresses = [address for _, address in page]
        rids = self.searcher.fast_field_values("rid", addresses) if addresses else []
        froms = self.searcher.fast_field_values("from_revision", addresses) if addresses else []
        scores = [float(score) if sort == "relevance" else None for score, _ in page]
        return tuple(
            (int(rid or 0), int(revision or 0), score)
            for rid, revision, score in zip(rids, froms, scores, strict=True)
        )

    def _page(
        self,
        first: Searcher,
        wanted: Candidates,
        sort: Sort,
        size: int,
        after: Position | None,
        collapsed: Collapsed | None,
    ) -> Placed:
        """Find a page; `first` is asked for its hits, before anything is counted."""
        if sort == "relevance" and after is not None and after.state != self.state:
            raise SnapshotGone(after.state or "")
        if collapsed:
            return self._page_of_groups(first, wanted, sort, size, after, collapsed)
        if sort == "relevance":
            return *self._by_score(first, wanted, size, after), ()
        return *self._by_key(first, wanted.matching, sort, size, after), ()

    def _by_score(
        self, first: Searcher, wanted: Candidates, size: int, after: Position | None
    ) -> tuple[list[Ranked], int, Position | None]:
        offset = after.after if after else 0
        result = first.search(wanted.scored, limit=size, offset=offset, count=after is None)
        total = self.count(wanted.matching) if after else counted(result)
        more = offset + len(result.hits) < total and bool(result.hits)
        return result.hits, total, Position(offset + len(result.hits), self.state) if more else None

    def _by_key(
        self, first: Searcher, wanted: tantivy.Query, sort: Sort, size: int, after: Position | None
    ) -> tuple[list[Ranked], int, Position | None]:
        found = ORDERINGS[sort].search(first, self._rest(wanted, sort, after), size + 1, count=after is None)
        page, total = found.hits, self.count(wanted) if after else counted(found)
        return page[:size], total, Position(int(page[size - 1][0])) if len(page) > size else None

    def _page_of_groups(
        self,
        first: Searcher,
        wanted: Candidates,
        sort: Sort,
        size: int,
        after: Position | None,
        collapsed: Collapsed,
    ) -> Placed:
        ordering, is_scored = ORDERINGS[sort], sort == "relevance"
        rest = wanted.scored if is_scored else self._rest(wanted.scored, sort, after)
        start = after.after if after and is_scored else 0
        documents = self.count(wanted.matching) if after else None

        def read_on(limit: int, read: int) -> Sequence[Ranked]:
            nonlocal documents
            searcher = self.searcher if read else first
            result = ordering.search(searcher, rest, limit, start + read, count=documents is None)
            documents = counted(result) if documents is None else documents
            return result.hits

        found = leaders(collapsed.groups, ordering, wanted.scored, read_on, size + 1)
        page, following = found[:size], None
        if len(found) > size:
            last = page[-1]
            following = Position(start + last.read, self.state) if is_scored else Position(int(last.hit[0]))
        members = tuple(each.members for each in page)
        return [each.hit for each in page], collapsed.total(documents or 0), following, members

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
        return count(self.searcher, unscored(wanted))

    def _at(self, query: tantivy.Query, revision: int, withdrawn: Tombstones) -> tantivy.Query:
        """Restrict to the versions that stood at a revision; the newest needs no look at numbers."""
        is_newest = self._reached is None and revision >= self.revision
        if self._reached is not None:
            revision = min(revision, self._reached)
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
