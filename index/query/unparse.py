"""A query written as text again: in one form, whoever made it and however it was typed."""

from __future__ import annotations

import re

from index.entry import WITHDRAWN
from index.query.fields import NAME_FIELDS
from index.query.lexer import QUOTES
from index.query.nodes import (
    BadQuery,
    Between,
    Both,
    Either,
    Everything,
    Lookup,
    OneOf,
    Query,
    Without,
    Words,
)
from index.query.ranges import write
from index.query.words import parse

_BARE = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_OPERATORS = {"AND", "OR", "NOT"}
_FORMS = ("{}", "https://{}", "pmid:{}", "pdb:{}", "ror:{}")
"""How a look-up may have to be written, so that it is read as one: a short number only after "pmid:". An id
with a prefix that is nearly the name of a field must stand in capitals."""


def unparse(query: Query) -> str:
    """Write a query, so that reading it gives the same query."""
    match query:
        case Both() | Either() | Without():
            return _joined(query)
        case Everything():
            return "*"
        case Words():
            return _words(query)
        case Lookup():
            return _lookup(query)
        case Between():
            return f"{query.field}:{write(query)}"
        case OneOf():
            return _tokens(query)


def _joined(query: Both | Either | Without) -> str:
    match query:
        case Both((Everything(), Without(part))) | Without(part):
            return f"NOT {_atom(part)}"
        case Both(parts):
            return " AND ".join(_atom(p) if isinstance(p, Either) else unparse(p) for p in parts)
        case Either(parts):
            return " OR ".join(map(unparse, parts))


def _atom(query: Query) -> str:
    return f"({unparse(query)})" if isinstance(query, Both | Either | Without) else unparse(query)


def _words(words: Words) -> str:
    if words.prefix:
        text = f"{words.text}*"
    elif words.fuzzy:
        text = f"{words.text}~{words.fuzzy}"
    elif words.slop:
        text = f"{_quoted(words.text)}~{words.slop}"
    elif words.field in NAME_FIELDS:
        text = words.text  # in quotes it would be the whole name
    else:
        plain = _BARE.fullmatch(words.text) and words.text not in _OPERATORS
        text = words.text if plain else _quoted(words.text)
    return f"{words.field}:{text}" if words.field else text


def _lookup(lookup: Lookup) -> str:
    for text in (*(form.format(lookup.value) for form in _FORMS), lookup.value.upper()):
        if _is_read_as(text, lookup):
            return text
    return _quoted(lookup.value)


def _is_read_as(text: str, lookup: Lookup) -> bool:
    try:
        return parse(text) == lookup
    except BadQuery:  # as pmid:0000 of the structure 0000
        return False


def _tokens(tokens: OneOf) -> str:
    if tokens == OneOf("aside", (WITHDRAWN,)):
        return "is:withdrawn"
    field = {"identifier": "id"}.get(tokens.field, tokens.field)
    values = [_quoted(each) for each in tokens.values]
    return f"{field}:{values[0]}" if len(values) == 1 else f"{field}:({' OR '.join(values)})"


def _quoted(text: str) -> str:
    escaped = re.sub(r"([\"\\])", r"\\\1", text)
    return f'"{escaped}"'


def as_words(text: str) -> str:
    """Write a text so that all of it is words and nothing in it is a sign: a way out of an error."""
    pieces = [re.sub(rf"[{QUOTES}\\]", " ", piece).strip() for piece in text.split()]
    return " ".join(
        piece if _BARE.fullmatch(piece) and piece not in _OPERATORS else f'"{piece}"'
        for piece in pieces
        if any(map(str.isalnum, piece))
    )
