"""Queries of ours, turned into queries of Tantivy.

Term, prefix and phrase queries of Tantivy do not analyze their words, so we do it here.
"""

from __future__ import annotations

from typing import TypeAlias

import tantivy
from tantivy import Filter, Occur, Tokenizer

from index.query import Between, Both, Either, Everything, Lookup, OneOf, Query, Without, Words

TEXT, TITLE, NAMES = "text", "title", "names"
BEARER_BOOST, POINTER_BOOST = 1000.0, 50.0
"""Who bears an identifier comes before who names it."""

Clause: TypeAlias = tuple[Occur, tantivy.Query]


def analyzer(*, stemmed: bool) -> tantivy.TextAnalyzer:
    """Cut text into words: lower case, without accents, and as English stems if asked."""
    builder = (
        tantivy.TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(80))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
    )
    return (builder.filter(Filter.stemmer("english")) if stemmed else builder).build()


class Compiler:
    """Compiles queries for one schema."""

    def __init__(
        self, schema: tantivy.Schema, words: tantivy.TextAnalyzer, plain: tantivy.TextAnalyzer
    ) -> None:
        self.schema, self._words, self._plain = schema, words, plain

    def compile(self, query: Query) -> tantivy.Query:
        """Compile a query."""
        match query:
            case Everything():
                return tantivy.Query.all_query()
            case Words() | Lookup():
                return self.words(query) if isinstance(query, Words) else self._lookup(query)
            case Both() | Either() | Without():
                return self._joined(query)
            case OneOf(field, values):
                return unscored(self.tokens(field, values))
            case Between(field, low, high):
                return unscored(self.range(field, low, high))

    def _joined(self, query: Both | Either | Without) -> tantivy.Query:
        clauses: list[Clause]
        match query:
            case Both(parts):
                clauses = [self._clause(part) for part in parts]
            case Either(parts):
                clauses = [(Occur.Should, self.compile(part)) for part in parts]
            case Without():
                clauses = [(Occur.Must, tantivy.Query.all_query()), self._clause(query)]
        return tantivy.Query.boolean_query(clauses)

    def _clause(self, part: Query) -> Clause:
        if isinstance(part, Without):
            return Occur.MustNot, self.compile(part.part)
        return Occur.Must, self.compile(part)

    def range(self, field: str, low: int | None, high: int | None) -> tantivy.Query:
        """Match numbers, both ends included."""
        return tantivy.Query.range_query(self.schema, field, tantivy.FieldType.Integer, low, high)

    def tokens(self, field: str, values: tuple[str, ...]) -> tantivy.Query:
        """Match any of these tokens."""
        if len(values) == 1:
            return tantivy.Query.term_query(self.schema, field, values[0], "basic")
        return tantivy.Query.term_set_query(self.schema, field, list(values))

    def _lookup(self, lookup: Lookup) -> tantivy.Query:
        bearer = self.tokens("identifier", (lookup.value,))
        pointer = self.tokens("linked", (lookup.value,))
        return tantivy.Query.boolean_query(
            [
                (Occur.Should, tantivy.Query.const_score_query(bearer, BEARER_BOOST)),
                (Occur.Should, tantivy.Query.const_score_query(pointer, POINTER_BOOST)),
                (Occur.Should, self.words(lookup.words)),
            ]
        )

    def split(self, words: Words) -> list[str]:
        """Cut words as the text was cut, into stems."""
        return list(self._words.analyze(words.text))

    def words(self, words: Words) -> tantivy.Query:
        """Match words in the text, and score them where they tell more: there or in the title.

        A title is short and its words are rare in titles, so it tells more without a weight of its own. Were
        both added up, one word in a title would outdo two in texts (docs/decisions/0012).
        """
        if words.prefix:
            return self._prefix(words.text)
        tokens = self._words.analyze(words.text)
        if not tokens:
            return tantivy.Query.empty_query()
        # The text holds the title, so what the title matches the text matches.
        return tantivy.Query.disjunction_max_query(
            [self._together(TEXT, tokens), self._together(TITLE, tokens)]
        )

    def _together(self, field: str, tokens: list[str]) -> tantivy.Query:
        if len(tokens) == 1:
            return tantivy.Query.term_query(self.schema, field, tokens[0], "freq")
        return tantivy.Query.phrase_query(self.schema, field, list(tokens))

    def _prefix(self, text: str) -> tantivy.Query:
        """Match words by their beginning; of several words only the last is cut short.

        The text is stemmed, so "microscopy*" must also try the stem, "microscopi".
        """
        plain = self._plain.analyze(text)
        if not plain:
            return tantivy.Query.empty_query()
        beginnings = dict.fromkeys((plain[-1], *self._words.analyze(plain[-1])))
        ends = [
            (Occur.Should, tantivy.Query.fuzzy_term_query(self.schema, TEXT, word, distance=0, prefix=True))
            for word in beginnings
        ]
        whole = [(Occur.Must, self.words(Words(word))) for word in plain[:-1]]
        return tantivy.Query.boolean_query([*whole, (Occur.Must, tantivy.Query.boolean_query(ends))])


def unscored(query: tantivy.Query) -> tantivy.Query:
    """Match without a say in the order."""
    return tantivy.Query.const_score_query(query, 0.0)
