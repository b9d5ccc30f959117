"""What a state of the index tells beyond a search; see `index/engines/help.py`.

Limits here keep every answer within milliseconds at a million records: a word that too many records hold
is not worth a list of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import tantivy
from tantivy import Occur, Order

from index.engines import Tombstones
from index.engines.help import Place, Trait, Weighed
from index.engines.tantivy.queries import NAMES, TEXT, TITLE, Compiler, unscored
from index.engines.tantivy.shards import Searcher
from index.query import Query

Raw: TypeAlias = Any  # what Tantivy's stubs leave open

LISTED_WORDS = 2_000
"""Words looked at that begin alike; short beginnings are better served by popular values."""
LISTED_RECORDS = 1_500
"""Records looked into for values or titles; with 5,000 the slowest suggestions took a quarter more CPU."""
SHORTEST = 3
"""Letters from which on a beginning is looked up: one letter alone is the union of thousands of words."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a snapshot is read."""

    searcher: Searcher
    queries: Compiler
    plain: tantivy.TextAnalyzer
    at: Callable[[tantivy.Query, int, Tombstones], tantivy.Query]
    """Restricts a query to what stood at a revision."""


class TantivyHelp:
    """Tells of one snapshot."""

    def __init__(self, reading: Reading, revision: int) -> None:
        self.searcher, self.queries, self.schema = reading.searcher, reading.queries, reading.queries.schema
        self._reading, self._revision = reading, revision

    def words(self, text: str) -> list[str]:
        """Cut text into words."""
        return list(self._reading.plain.analyze(text))

    def stems(self, text: str) -> set[str]:
        """Cut text into stems."""
        return set(self.queries.stems(text))

    def recent(  # where to begin and to end, and which way
        self,
        query: Query,
        *,
        after: int,
        before: int | None,
        size: int,
        latest_first: bool,
        withdrawn: Tombstones = "exclude",
    ) -> list[Place]:
        """List current versions by the revision that made them."""
        span = self.queries.range("from_revision", after + 1, None if before is None else before - 1)
        both = [(Occur.Must, unscored(self.queries.compile(query))), (Occur.Must, unscored(span))]
        wanted = self._today(tantivy.Query.boolean_query(both), withdrawn)
        order = Order.Desc if latest_first else Order.Asc
        hits = self.searcher.search(
            wanted, limit=size, count=False, order_by_field="from_revision", order=order
        ).hits
        return self._places(hits)

    def frequency(self, word: str) -> int:
        """Say in how many versions a word stands."""
        return self.searcher.doc_freq(NAMES, word)

    def beginning(self, start: str, size: int) -> list[tuple[str, int]]:
        """List words that begin so."""
        if len(start) < SHORTEST:
            return []
        found = self.searcher.terms_with_prefix(NAMES, start, limit=LISTED_WORDS)
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:size]

    def popular(self, fields: Sequence[str], size: int) -> Mapping[str, list[tuple[str, int]]]:
        """List the most frequent tokens of fields."""
        return self._tokens(self._today(tantivy.Query.all_query()), fields, size)

    def among(self, words: Sequence[str], fields: Sequence[str], size: int) -> Mapping[str, list[str]]:
        """List tokens of records whose names hold all words, the last one a beginning."""
        holding = self._holding(NAMES, words[:-1], words[-1:])
        if holding is None:
            return {field: [] for field in fields}
        holding = self._today(holding)
        found = self._tokens(holding, fields, size)
        return {field: [token for token, _ in values] for field, values in found.items()}

    def titled(self, words: Sequence[str], size: int) -> list[Place]:
        """List records whose title holds all words, the last one a beginning."""
        *whole, last = words
        stems = [stem for word in whole for stem in self.queries.stems(word)]
        # Titles are stemmed: "microscopy" is held as "microscopi", so the stem of what is typed is tried.
        starts = list(dict.fromkeys((last, *self.queries.stems(last))))
        holding = self._holding(TITLE, stems, starts) if len(last) >= SHORTEST else None
        if holding is None:
            return []
        return self._places(self.searcher.search(self._today(holding), limit=size, count=False).hits)

    def spelled(self, word: str, distance: int, size: int) -> list[Place]:
        """List records with a word that differs by so many letters at most."""
        near = tantivy.Query.fuzzy_term_query(self.schema, NAMES, word, distance=distance)
        return self._places(self.searcher.search(self._today(near), limit=size, count=False).hits)

    def weigh(self, traits: Sequence[Trait], most: int, postings: int, least: int = 2) -> list[Weighed]:
        """Weigh traits by how rare they are."""
        held = max(1, self.searcher.num_docs)
        weighed = []
        for trait in dict.fromkeys(each for given in traits for each in self._stemmed(given)):
            records = self.searcher.doc_freq(trait.field, trait.token)
            if records >= least:
                weighed.append(Weighed(trait, records, math.log(1 + held / records)))
        weighed.sort(key=lambda each: (each.records, each.trait.field, each.trait.token))
        kept: list[Weighed] = []
        spent = 0
        for each in weighed[:most]:
            spent += each.records
            if spent > postings and kept:
                break
            kept.append(each)
        return kept

    def alike(
        self, traits: Sequence[Weighed], apart: Sequence[Query], size: int
    ) -> list[tuple[Place, float]]:
        """List records that share traits, with the sum of the weights shared."""
        if not traits:
            return []
        shared = [
            (Occur.Should, tantivy.Query.const_score_query(self._trait(each.trait), each.weight))
            for each in traits
        ]
        any_ = tantivy.Query.boolean_query(shared)
        clauses = [(Occur.Must, any_), *((Occur.MustNot, self.queries.compile(each)) for each in apart)]
        hits = self.searcher.search(
            self._today(tantivy.Query.boolean_query(clauses)), limit=size, count=False
        ).hits
        return list(zip(self._places(hits), (float(score) for score, _ in hits), strict=True))

    # ---- parts -------------------------------------------------------------------------------

    def _today(self, query: tantivy.Query, withdrawn: Tombstones = "exclude") -> tantivy.Query:
        return self._reading.at(query, self._revision, withdrawn)

    def _places(self, hits: Sequence[Raw]) -> list[Place]:
        addresses = [address for _, address in hits]
        if not addresses:
            return []
        rids = self.searcher.fast_field_values("rid", addresses)
        froms = self.searcher.fast_field_values("from_revision", addresses)
        return [(int(rid or 0), int(began or 0)) for rid, began in zip(rids, froms, strict=True)]

    def _tokens(
        self, wanted: tantivy.Query, fields: Sequence[str], size: int
    ) -> dict[str, list[tuple[str, int]]]:
        asked = {name: {"terms": {"field": name, "size": size, "segment_size": size}} for name in fields}
        answer: Raw = self.searcher.aggregate(wanted, asked)
        return {
            name: [(str(bucket["key"]), int(bucket["doc_count"])) for bucket in answer[name]["buckets"]]
            for name in fields
        }

    def _holding(self, field: str, whole: Sequence[str], starts: Sequence[str]) -> tantivy.Query | None:
        """Match all words and a beginning; None where that may be too many records to look into."""
        held = [self.searcher.doc_freq(field, word) for word in whole]
        starts = [start for start in starts if len(start) >= SHORTEST]
        if not held or min(held) > LISTED_RECORDS:
            terms = [
                term
                for start in starts
                for term in self.searcher.terms_with_prefix(field, start, limit=LISTED_WORDS)
            ]
            if not starts or len(terms) >= LISTED_WORDS or sum(count for _, count in terms) > LISTED_RECORDS:
                return None
        clauses = [
            (Occur.Must, tantivy.Query.term_query(self.schema, field, word, "basic")) for word in whole
        ]
        begins = [
            (Occur.Should, tantivy.Query.fuzzy_term_query(self.schema, field, start, distance=0, prefix=True))
            for start in starts
        ]
        if begins:
            clauses.append((Occur.Must, tantivy.Query.boolean_query(begins)))
        return tantivy.Query.boolean_query(clauses)

    def _stemmed(self, trait: Trait) -> list[Trait]:
        if trait.field not in {TEXT, TITLE}:
            return [trait]
        return [Trait(trait.field, stem) for stem in self.queries.stems(trait.token)]

    def _trait(self, trait: Trait) -> tantivy.Query:
        return self.queries.tokens(trait.field, (trait.token,))
