"""Queries of ours, turned into queries of Tantivy.

Term, prefix and phrase queries of Tantivy do not analyze their words, so we do it here.
"""

from __future__ import annotations

from typing import TypeAlias

import tantivy
from tantivy import Filter, Occur, Tokenizer

from index.marking import Marker, Sought
from index.query import Between, Both, Either, Everything, Expanded, Lookup, OneOf, Query, Without, Words
from index.spelling import beginnings, spellings

TEXT, TITLE, NAMES = "text", "title", "names"
TITLE_BOOST, BEARER_BOOST, POINTER_BOOST = 3.0, 1000.0, 50.0
"""A word in the title tells more than one in the text; who bears an identifier comes before who names it."""

ALSO_BOOST, TERM_SCORE = 0.5, 1.0
"""What means the same counts for half, and a term in the record's own field as much as a middling word, so
that records that use the reader's own words come first."""

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
        self.marker = Marker(words.analyze)

    def compile(self, query: Query) -> tantivy.Query:
        """Compile a query."""
        match query:
            case Everything():
                return tantivy.Query.all_query()
            case Words() | Lookup():
                return self.words(query) if isinstance(query, Words) else self._lookup(query)
            case Both() | Either() | Without():
                return self._joined(query)
            case Expanded(part, also):
                return tantivy.Query.disjunction_max_query([self.words(part), *map(self._also, also)])
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

    def split(self, words: Words) -> list[list[str]]:
        """Cut words as the text was cut, into stems; more than once where hyphens can be left out."""
        cut = (list(self._words.analyze(spelling)) for spelling in spellings(words.text))
        return [stems for stems in cut if stems]

    def sought(self, words: Words) -> list[Sought]:
        """Say what to mark of words: the stems that were asked for."""
        if words.prefix:
            cut = (list(self._plain.analyze(spelling)) for spelling in beginnings(words.text))
            return [Sought(tuple(plain), prefix=True) for plain in cut if plain]
        return [Sought(tuple(stems)) for stems in self.split(words)]

    def words(self, words: Words) -> tantivy.Query:
        """Match words in the text; the title adds to the score."""
        if words.prefix:
            return self._prefix(words.text)
        cut = self.split(words)
        if not cut:
            return tantivy.Query.empty_query()
        title = tantivy.Query.boost_query(self._any_of(TITLE, cut), TITLE_BOOST)
        return tantivy.Query.boolean_query([(Occur.Must, self._any_of(TEXT, cut)), (Occur.Should, title)])

    def _also(self, part: Words | OneOf) -> tantivy.Query:
        if isinstance(part, OneOf):
            return tantivy.Query.const_score_query(self.tokens(part.field, part.values), TERM_SCORE)
        # A phrase scores as many words as it has; a longer name is no better proof than a short one.
        longest = max((len(stems) for stems in self.split(part)), default=1)
        return tantivy.Query.boost_query(self.words(part), ALSO_BOOST / longest)

    def _any_of(self, field: str, cut: list[list[str]]) -> tantivy.Query:
        found = [self._together(field, tokens) for tokens in cut]
        return found[0] if len(found) == 1 else tantivy.Query.disjunction_max_query(found)

    def _together(self, field: str, tokens: list[str]) -> tantivy.Query:
        if len(tokens) == 1:
            return tantivy.Query.term_query(self.schema, field, tokens[0], "freq")
        return tantivy.Query.phrase_query(self.schema, field, list(tokens))

    def _prefix(self, text: str) -> tantivy.Query:
        """Match words by their beginning; of several words only the last is cut short.

        The text is stemmed, so "microscopy*" must also try the stem, "microscopi".
        """
        cut = [plain for spelling in beginnings(text) if (plain := list(self._plain.analyze(spelling)))]
        if not cut:
            return tantivy.Query.empty_query()
        plain = cut[0]
        held = dict.fromkeys(word for words in cut for word in (words[-1], *self._words.analyze(words[-1])))
        ends = [
            (Occur.Should, tantivy.Query.fuzzy_term_query(self.schema, TEXT, word, distance=0, prefix=True))
            for word in held
        ]
        whole = [(Occur.Must, self.words(Words(word))) for word in plain[:-1]]
        return tantivy.Query.boolean_query([*whole, (Occur.Must, tantivy.Query.boolean_query(ends))])


def unscored(query: tantivy.Query) -> tantivy.Query:
    """Match without a say in the order."""
    return tantivy.Query.const_score_query(query, 0.0)
