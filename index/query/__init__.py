"""Words and filters, as people and programs write them, turned into a query no engine has seen yet.

`nodes` is what a query is made of. `words` reads what is typed, from the pieces of `lexer`, with the
identifiers that `spot` sees; `filters` reads parameters; both ask `fields` and `ranges` what a field's value
means, so that `year:2020` and `year=2020` are the same query. `unparse` writes any query as text again.
"""

from __future__ import annotations

from index.query.fields import FIELDS, token
from index.query.filters import FILTERS, facets, filters
from index.query.nodes import (
    BadQuery,
    Between,
    Both,
    Either,
    Everything,
    Lookup,
    Note,
    OneOf,
    Query,
    Without,
    Words,
    highlights,
    mentions,
)
from index.query.unparse import as_words, unparse
from index.query.words import Reading, parse, read

__all__ = [
    "FIELDS", "FILTERS", "BadQuery", "Between", "Both", "Either", "Everything", "Lookup", "Note", "OneOf",
    "Query", "Reading", "Without", "Words", "as_words", "facets", "filters", "highlights", "mentions",
    "parse", "read", "token", "unparse",
]  # fmt: skip
