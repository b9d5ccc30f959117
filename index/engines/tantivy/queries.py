"""Queries of ours, turned into queries of Tantivy.

Term, prefix and phrase queries of Tantivy do not analyze their words, so we do it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TypeAlias

import tantivy
from tantivy import Filter, Occur, Tokenizer

from index.entry import DAY_FIELDS, TOKEN_FIELDS, WORD_FIELDS
from index.marking import Marker, Sought
from index.query import Between, Both, Either, Everything, Expanded, Lookup, OneOf, Query, Without, Words
from index.query.nodes import LONGEST_WORD
from index.spelling import beginnings, held, normal, spellings

TEXT, TITLE, NAMES = "text", "title", "names"
TEXTS: dict[str | None, str] = {
    None: TEXT,
    **{name: f"{name}_words" if name in TOKEN_FIELDS else name for name in WORD_FIELDS},
}
"""Where the words of a field are; a name that is a token too has its words beside."""
LAST_DAYS = {name: f"{name}_end" for name in DAY_FIELDS}
BEARER_BOOST, POINTER_BOOST = 1000.0, 50.0
"""Who bears an identifier comes before who names it."""

ALSO_BOOST, TERM_SCORE = 0.5, 1.0
"""What means the same counts for half, and a term in the record's own field as much as a middling word, so
that records that use the reader's own words come first."""

COMPOUND_BOOST = 2.0
"""A compound counts as the two words that it is made of."""

Clause: TypeAlias = tuple[Occur, tantivy.Query]


def analyzer(*, stemmed: bool) -> tantivy.TextAnalyzer:
    """Cut text into words: lower case, without accents, and as English stems if asked."""
    builder = (
        tantivy.TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(LONGEST_WORD))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
    )
    return (builder.filter(Filter.stemmer("english")) if stemmed else builder).build()


class Compiler:
    """Compiles queries for one schema."""

    def __init__(
        self,
        schema: tantivy.Schema,
        words: tantivy.TextAnalyzer,
        plain: tantivy.TextAnalyzer,
        fields: tuple[str, ...] = (TEXT,),
    ) -> None:
        self.schema, self._words, self._plain, self._fields = schema, words, plain, fields
        self.marker = Marker(words.analyze)

    @cached_property
    def scoring(self) -> Compiler:
        """What compiles queries whose hits are scored: what they match is the same.

        The text holds the title, so only scores tell them apart; to look in both took up to twice as long.
        """
        return Compiler(self.schema, self._words, self._plain, (TEXT, TITLE))

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
                return unscored(self._between(field, low, high))

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

    def _between(self, field: str, low: int | None, high: int | None) -> tantivy.Query:
        """Match numbers in a range; a partial date where any of its days is."""
        last = LAST_DAYS.get(field, field)
        if last == field or low is None or high is None:
            return self.range(field if low is None else last, low, high)
        ends = (self.range(field, None, high), self.range(last, low, None))
        return tantivy.Query.boolean_query([(Occur.Must, end) for end in ends])

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
        return self._cut(spellings(words.text))

    def _held(self, words: Words) -> list[list[str]]:
        """Cut words as `split` does, but for compounds: they are held as one word as well."""
        return self._cut(spellings(words.text) if words.slop else held(words.text))

    def _cut(self, texts: Iterable[str]) -> list[list[str]]:
        cut = dict.fromkeys(tuple(self._words.analyze(text)) for text in texts)
        return [list(stems) for stems in cut if stems]

    def stems(self, text: str) -> list[str]:
        """Cut a text into the stems that are searched for it, in the one spelling."""
        return list(self._words.analyze(normal(text)))

    def sought(self, words: Words) -> list[Sought]:
        """Say what to mark of words: the stems that were asked for."""
        if words.prefix:
            cut = (list(self._plain.analyze(spelling)) for spelling in beginnings(words.text))
            return [Sought(tuple(plain), prefix=True) for plain in cut if plain]
        return [Sought(tuple(stems)) for stems in self.split(words)]

    def words(self, words: Words) -> tantivy.Query:
        """Match words in a text; without a field in all texts."""
        if words.prefix:
            return self._prefix(words)
        cut = self._held(words)
        if not cut:
            return tantivy.Query.empty_query()
        exactly, apart = self._exactly(words, cut), self.split(words)
        if cut != apart:
            exactly = tantivy.Query.boost_query(exactly, COMPOUND_BOOST)
        if not words.fuzzy:
            return exactly
        # What is spelled so comes before what is spelled nearly so, which all scores alike.
        nearly = [(Occur.Must, self._nearly(words, token)) for token in apart[0]]
        return tantivy.Query.boolean_query([*nearly, (Occur.Should, exactly)])

    def _also(self, part: Words | OneOf) -> tantivy.Query:
        if isinstance(part, OneOf):
            return tantivy.Query.const_score_query(self.tokens(part.field, part.values), TERM_SCORE)
        # A phrase scores as many words as it has; a longer name is no better proof than a short one.
        longest = max((len(stems) for stems in self.split(part)), default=1)
        return tantivy.Query.boost_query(self.words(part), ALSO_BOOST / longest)

    def _exactly(self, words: Words, cut: Sequence[Sequence[str]]) -> tantivy.Query:
        """Match words as they are spelled, and score them where they tell more: in the text or in the title.

        A title is short and its words are rare in titles, so it tells more without a weight of its own. Were
        both added up, one word in a title would outdo two in texts (docs/decisions/0012).
        """
        fields = self._fields if words.field is None else (TEXTS[words.field],)
        found = [self._together(field, tokens, words.slop) for field in fields for tokens in cut]
        return found[0] if len(found) == 1 else tantivy.Query.disjunction_max_query(found)

    def _together(self, field: str, tokens: Sequence[str], slop: int) -> tantivy.Query:
        if len(tokens) == 1:
            return tantivy.Query.term_query(self.schema, field, tokens[0], "freq")
        return tantivy.Query.phrase_query(self.schema, field, list(tokens), slop=slop)

    def _nearly(self, words: Words, token: str) -> tantivy.Query:
        return tantivy.Query.fuzzy_term_query(self.schema, TEXTS[words.field], token, distance=words.fuzzy)

    def _prefix(self, words: Words) -> tantivy.Query:
        """Match words by their beginning; of several words only the last is cut short.

        The text is stemmed, so "microscopy*" must also try the stem, "microscopi".
        """
        cut = [plain for each in beginnings(words.text) if (plain := list(self._plain.analyze(each)))]
        if not cut:
            return tantivy.Query.empty_query()
        field, plain = TEXTS[words.field], cut[0]
        held = dict.fromkeys(word for each in cut for word in (each[-1], *self._words.analyze(each[-1])))
        ends = [
            (Occur.Should, tantivy.Query.fuzzy_term_query(self.schema, field, word, distance=0, prefix=True))
            for word in held
        ]
        whole = [(Occur.Must, self.words(Words(word, field=words.field))) for word in plain[:-1]]
        return tantivy.Query.boolean_query([*whole, (Occur.Must, tantivy.Query.boolean_query(ends))])


def unscored(query: tantivy.Query) -> tantivy.Query:
    """Match without a say in the order."""
    return tantivy.Query.const_score_query(query, 0.0)
