"""The order by relevance: what stands above the words, and what decides between equals.

Every figure here was tuned on one half of the questions in benchmarks/relevance and looked at on the other
(docs/decisions/0012). Nothing depends on the repository a record comes from. Hits with one score keep the
order of the index's documents, which is total and stays for as long as the state of the index.
"""

from __future__ import annotations

import tantivy
from tantivy import Occur

from index.engines.tantivy.queries import TITLE, Compiler
from index.query import Query, highlights
from index.ranking import COMPLETE, titled

EXACT_TITLE_BOOST = 500.0
"""More than words add up to, less than bearing an identifier."""
COMPLETE_BOOST = 0.01
"""Less than any difference in words: it decides between equals only. Ten times as much measured no better."""


def ranked(compiler: Compiler, query: Query) -> tantivy.Query:
    """Compile a query whose hits shall come by relevance; it matches what it would match anyway."""
    wanted = compiler.scoring.compile(query)
    if title := spoken(query):
        wanted = _favored(wanted, compiler.tokens("titled", (title,)), EXACT_TITLE_BOOST)
    # One inside the other: two favors side by side are first united over the whole index, which takes five
    # times as long as a search for one word.
    return _favored(wanted, compiler.tokens("complete", (COMPLETE,)), COMPLETE_BOOST)


def _favored(wanted: tantivy.Query, favorites: tantivy.Query, boost: float) -> tantivy.Query:
    more = tantivy.Query.const_score_query(favorites, boost)
    return tantivy.Query.boolean_query([(Occur.Must, wanted), (Occur.Should, more)])


def spoken(query: Query) -> str:
    """Say a query's words as a title would have them; whole words as they are spelled, of no other field."""
    said = [
        each for each in highlights(query) if each.field in {None, TITLE} and not (each.prefix or each.fuzzy)
    ]
    return titled(" ".join(words.text for words in said))
