"""The systems that are asked: ours, and plain BM25 over the same texts in Tantivy and in SQLite FTS5."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Protocol

import tantivy
from tantivy import Occur

from index.engines.tantivy.queries import analyzer
from index.loosen import Match
from index.query import BadQuery
from index.search import Catalogue, Request

DEPTH = 100
"""So many answers are looked at: as many as recall@100 needs."""


class System(Protocol):
    """Something that orders records by how well they answer."""

    name: str

    def ask(self, words: str) -> list[str]:
        """Answer the ids of at most `DEPTH` records, the best first."""
        ...


class Headwater:
    """This node, asked as its API asks."""

    def __init__(self, catalogue: Catalogue, match: Match = "all") -> None:
        self.name = "headwater" if match == "all" else f"headwater, match={match}"
        self._catalogue, self._match = catalogue, match

    def ask(self, words: str) -> list[str]:
        asked = Request(words=words, size=DEPTH, sort="relevance", match=self._match)
        try:
            answer = self._catalogue.search(asked)
        except BadQuery:  # more words than can be loosened: no answer, and measured as none
            return []
        return [hit.kept.id for hit in answer.hits]


class PlainTantivy:
    """BM25 of Tantivy over one field, stemmed: all words must match, or any may."""

    def __init__(self, texts: Mapping[str, str], *, every: bool) -> None:
        self.name = "tantivy, all words" if every else "tantivy, any word"
        self._occur = Occur.Must if every else Occur.Should
        self._ids, self._analyzer = list(texts), analyzer(stemmed=True)
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", tokenizer_name="words")
        builder.add_integer_field("place", fast=True)
        self._schema = builder.build()
        self._index = tantivy.Index(self._schema)
        self._index.register_tokenizer("words", self._analyzer)
        writer = self._index.writer(num_threads=1)
        for place, text in enumerate(texts.values()):
            writer.add_document(tantivy.Document(text=text, place=place))
        writer.commit()
        self._index.reload()

    def ask(self, words: str) -> list[str]:
        stems = dict.fromkeys(self._analyzer.analyze(words))
        clauses = [
            (self._occur, tantivy.Query.term_query(self._schema, "text", stem, "freq")) for stem in stems
        ]
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.boolean_query(clauses), limit=DEPTH).hits
        places = searcher.fast_field_values("place", [address for _, address in hits]) if hits else []
        return [self._ids[int(place or 0)] for place in places]


class PlainSqlite:
    """bm25() of SQLite FTS5 over one column, stemmed by Porter: all words must match, or any may."""

    def __init__(self, texts: Mapping[str, str], *, every: bool) -> None:
        self.name = "sqlite fts5, all words" if every else "sqlite fts5, any word"
        self._joint = " " if every else " OR "
        self._ids = list(texts)
        self._database = sqlite3.connect(":memory:")
        self._database.execute(
            "CREATE VIRTUAL TABLE words USING fts5(text, tokenize='porter unicode61 remove_diacritics 2')"
        )
        self._database.executemany("INSERT INTO words(rowid, text) VALUES (?, ?)", enumerate(texts.values()))

    def ask(self, words: str) -> list[str]:
        match = self._joint.join(f'"{word}"' for word in dict.fromkeys(re.findall(r"\w+", words)))
        rows = self._database.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words), rowid LIMIT ?", (match, DEPTH)
        )
        return [self._ids[rowid] for (rowid,) in rows]


class Fused:
    """Several systems fused by rank: what any of them finds, by the sum of 1 / (k + rank) (Cormack 2009)."""

    K = 60

    def __init__(self, name: str, parts: Sequence[System]) -> None:
        self.name, self._parts = name, parts

    def ask(self, words: str) -> list[str]:
        scores: dict[str, float] = {}
        for part in self._parts:
            for rank, id_ in enumerate(part.ask(words), 1):
                scores[id_] = scores.get(id_, 0.0) + 1 / (self.K + rank)
        return sorted(scores, key=lambda id_: (-scores[id_], id_))[:DEPTH]
