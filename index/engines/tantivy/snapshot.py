"""One state of the index, to be searched. It does not change while it is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import tantivy
from tantivy import Occur, Order

from index.engines import FacetCount, Found, Position, SnapshotGone, Sort, Tombstones
from index.engines.tantivy.beside import Beside
from index.engines.tantivy.help import Reading, TantivyHelp
from index.engines.tantivy.queries import TEXT, Compiler, unscored
from index.engines.tantivy.ranking import ranked
from index.entry import ASIDE, OPEN_END, OVER, WITHDRAWN
from index.query import OneOf, Query, highlights

Raw: TypeAlias = Any  # what Tantivy's stubs leave open

_BESIDE = Beside()

SEGMENT_TERMS = 10_000
"""Terms a segment lists for a count. Where there are more (creators), the listed values are recounted."""

MISSING, NO_YEAR = "\x00", -1
"""Stand among a facet's values for having none; texts hold no control characters, no year is negative."""


class TantivySnapshot:
    """One state of the index."""

    def __init__(
        self, searcher: tantivy.Searcher, state: str, queries: Compiler, plain: tantivy.TextAnalyzer
    ) -> None:
        self.searcher, self.state = searcher, state
        self.queries, self.schema = queries, queries.schema
        self._held = {token for token in (ASIDE, OVER, WITHDRAWN) if searcher.doc_freq("aside", token)}
        over = queries.tokens("aside", (OVER,))
        began = self._highest(tantivy.Query.all_query(), "from_revision")
        self.revision = max(began, self._highest(over, "to_revision") if OVER in self._held else 0)
        self.help = TantivyHelp(Reading(searcher, queries, plain, self._at, _count), self.revision)

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
    ) -> Found:
        """Find the versions that stood at a revision; see `Snapshot.search`."""
        compiled = ranked(self.queries, query) if sort == "relevance" else self.queries.compile(query)
        wanted = self._at(compiled, at, withdrawn)
        with _BESIDE.search():
            counted = _BESIDE.begin(self._facets, wanted, facets, facet_size) if facets else dict
            page, total, following = self._page(wanted, sort, size, after)
            facet_counts = counted()
        addresses = [address for _, address in page]
        rids = self.searcher.fast_field_values("rid", addresses) if addresses else []
        froms = self.searcher.fast_field_values("from_revision", addresses) if addresses else []
        scores = [float(score) if sort == "relevance" else None for score, _ in page]
        hits = tuple(
            (int(rid or 0), int(revision or 0), score)
            for rid, revision, score in zip(rids, froms, scores, strict=True)
        )
        return Found(total, hits, facet_counts, following)

    def snippets(self, query: Query, texts: Sequence[str], length: int) -> list[str | None]:
        """Cut the telling part out of each text; None where no word is found."""
        parts = [self.queries.words(words) for words in dict.fromkeys(highlights(query))]
        if not parts:
            return [None] * len(texts)
        either = tantivy.Query.boolean_query([(Occur.Should, part) for part in parts])
        generator = tantivy.SnippetGenerator.create(self.searcher, either, self.schema, TEXT)
        generator.set_max_num_chars(length)
        beginnings = _beginnings(word for part in highlights(query) for word in self.queries.split(part))
        return [self._marked(generator, text) if _may_hold(text, beginnings) else None for text in texts]

    def _marked(self, generator: tantivy.SnippetGenerator, text: str) -> str | None:
        document = tantivy.Document()
        document.add_text(TEXT, text)
        snippet = generator.snippet_from_doc(document)
        if not snippet.highlighted():
            return None
        return snippet.to_html().replace("<b>", "<mark>").replace("</b>", "</mark>")

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
        self, wanted: tantivy.Query, sort: Sort, size: int, after: Position | None
    ) -> tuple[list[Raw], int, Position | None]:
        total = _count(self.searcher.search(wanted, limit=1)) if after else None
        if sort == "relevance":
            return self._by_score(wanted, size, after, total)
        return self._by_key(wanted, sort, size, after, total)

    def _by_score(
        self, wanted: tantivy.Query, size: int, after: Position | None, total: int | None
    ) -> tuple[list[Raw], int, Position | None]:
        if after is not None and after.state != self.state:
            raise SnapshotGone(after.state or "")
        offset = after.after if after else 0
        result = self.searcher.search(wanted, limit=size, offset=offset, count=total is None)
        total = _count(result) if total is None else total
        more = offset + len(result.hits) < total and bool(result.hits)
        return result.hits, total, Position(offset + len(result.hits), self.state) if more else None

    def _by_key(
        self, wanted: tantivy.Query, sort: Sort, size: int, after: Position | None, total: int | None
    ) -> tuple[list[Raw], int, Position | None]:
        descending, field = sort in {"newest", "largest"}, "rid" if sort == "kept" else sort
        rest = wanted
        if after is not None:
            low, high = (None, after.after - 1) if descending else (after.after + 1, None)
            rest = tantivy.Query.boolean_query(
                [(Occur.Must, wanted), (Occur.Must, self.queries.range(field, low, high))]
            )
        order = Order.Desc if descending else Order.Asc
        result = self.searcher.search(
            rest, limit=size + 1, count=total is None, order_by_field=field, order=order
        )
        total = _count(result) if total is None else total
        page = result.hits[:size]
        more = len(result.hits) > size
        return page, total, Position(int(page[-1][0])) if more else None

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

    def _facets(self, wanted: tantivy.Query, names: Sequence[str], size: int) -> Mapping[str, FacetCount]:
        answer = self.searcher.aggregate(wanted, {name: {"terms": _terms(name, size)} for name in names})
        return {name: self._facet(wanted, name, answer[name], size) for name in names}

    def _facet(self, wanted: tantivy.Query, name: str, answer: Raw, size: int) -> FacetCount:
        counts = {_value(name, bucket["key"]): int(bucket["doc_count"]) for bucket in answer["buckets"]}
        is_exact = not answer.get("doc_count_error_upper_bound")
        other = int(answer["sum_other_doc_count"])
        missing = counts.pop(MISSING, None)
        if missing is None or not is_exact:
            # Not among the most frequent, where it would have come for nothing.
            is_cut = not is_exact or other > 0
            missing, was = (self._exact(wanted, "none", name) if is_cut else 0), missing or 0
            other -= missing - was
        values = list(counts.items())
        if not is_exact:
            # More values than a segment may list: which are the most frequent is near enough, counts are not.
            values = [(value, self._exact(wanted, name, value)) for value, _ in values]
            values.sort(key=lambda pair: -pair[1])
        other += sum(count for _, count in values[size:])
        return FacetCount(tuple(values[:size]), missing, max(0, other))

    def _exact(self, wanted: tantivy.Query, field: str, value: str) -> int:
        both = [(Occur.Must, wanted), (Occur.Must, self.queries.tokens(field, (value,)))]
        return _count(self.searcher.search(tantivy.Query.boolean_query(both), limit=1))


def _unwanted(is_newest: bool, withdrawn: Tombstones) -> str | None:
    """Answer the one token to exclude; that a version is over says nothing of an older revision."""
    if withdrawn == "exclude":
        return ASIDE if is_newest else WITHDRAWN
    return OVER if is_newest else None


def _count(result: tantivy.SearchResult) -> int:
    return int(result.count)  # type: ignore[attr-defined]  # there, but missing in the stub of 0.27


def _beginnings(stems: Iterable[str]) -> tuple[str, ...]:
    """Answer how words with these stems begin: stems differ at the end only, but for die, lie and tie."""
    return tuple(stem[:3] if len(stem) > 3 else "" for stem in stems)


def _may_hold(text: str, beginnings: tuple[str, ...]) -> bool:
    """Tell whether a text may hold words that begin so; looking costs a tenth of cutting and stemming words.

    Letters with accents are left to the analyzer.
    """
    if not text.isascii():
        return True
    folded = text.lower()
    return any(beginning in folded for beginning in beginnings)


def _value(name: str, key: Raw) -> str:
    if name != "year":
        return str(key)
    return MISSING if int(key) == NO_YEAR else str(int(key))


def _terms(name: str, size: int) -> dict[str, Raw]:
    # Every segment lists as many terms as it may, or the counts of those listed in all would be too low.
    missing = NO_YEAR if name == "year" else MISSING
    return {"field": name, "size": size + 1, "segment_size": SEGMENT_TERMS, "missing": missing}
